"""GET /.well-known/jwks.json (RFC 7517 section 5)."""

from __future__ import annotations

from authserver.domain import signing_keys
from authserver.edge.exchange import Incoming, Outgoing


def respond(incoming: Incoming) -> Outgoing:
    """The bytes made when the keys last changed, or 304 for a reader that has them."""
    body, etag = signing_keys.jwks()
    caching = [("Cache-Control", f"public, max-age={signing_keys.JWKS_MAX_AGE}"), ("ETag", etag)]
    if _has(incoming.header("if-none-match"), etag):
        return Outgoing(304, headers=caching)
    return Outgoing(200, body, [("Content-Type", "application/jwk-set+json"), *caching])


def _has(if_none_match: str, etag: str) -> bool:
    tags = (tag.strip().removeprefix("W/") for tag in if_none_match[:1000].split(","))
    return any(tag in (etag, "*") for tag in tags)
