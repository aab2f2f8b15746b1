"""Tables of what may be done, and where."""
