"""From a bare clone to the first token."""
