"""Logging with redaction, and metrics."""
