"""Grants (RFC 6749 section 4), one file each."""
