"""The server's own keys (RFC 7517): made, published, used, retired and removed, in this order (`keys.rotate`)."""
