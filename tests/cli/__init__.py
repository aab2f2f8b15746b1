"""Tests of authserver/cli."""
