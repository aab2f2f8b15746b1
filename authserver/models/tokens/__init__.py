"""Tables of tokens: opaque ones, revoked ones, used-up ids."""
