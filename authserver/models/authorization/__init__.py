"""Tables of authorization requests."""
