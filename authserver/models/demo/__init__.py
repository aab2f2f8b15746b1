"""Tables of the demo API."""
