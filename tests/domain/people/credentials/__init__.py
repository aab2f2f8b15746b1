"""Tests of authserver/domain/credentials."""
