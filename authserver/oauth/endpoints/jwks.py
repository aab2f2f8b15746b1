"""GET /.well-known/jwks.json (RFC 7517 section 5)."""

from __future__ import annotations

from authserver.domain.signing import keys as signing_keys
from authserver.edge import etag
from authserver.edge.exchange import Incoming, Outgoing


def respond(incoming: Incoming) -> Outgoing:
    """The bytes made when the keys last changed, or 304 for a reader that has them."""
    body, tag = signing_keys.jwks()
    return etag.answer(incoming, body, tag, "application/jwk-set+json", max_age=signing_keys.JWKS_MAX_AGE)
