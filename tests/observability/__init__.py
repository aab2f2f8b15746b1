"""Tests of authserver/observability."""
