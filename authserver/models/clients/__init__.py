"""Tables of OAuth clients."""
