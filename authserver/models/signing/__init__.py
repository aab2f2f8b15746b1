"""The table of signing keys."""
