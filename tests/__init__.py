"""The test suite; it mirrors authserver/."""
