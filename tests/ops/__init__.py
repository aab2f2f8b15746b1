"""Tests of authserver/ops."""
