"""GET /.well-known/jwks.json (RFC 7517 section 5)."""

from __future__ import annotations

from authserver.domain.signing import keys as signing_keys
from authserver.edge import documents
from authserver.edge.exchange import Incoming, Outgoing


def respond(incoming: Incoming) -> Outgoing:
    """The bytes made when the keys last changed, or 304 for a reader that has them."""
    caching = documents.public(signing_keys.JWKS_MAX_AGE)
    return documents.answer(incoming, signing_keys.jwks(), "application/jwk-set+json", caching=caching)
