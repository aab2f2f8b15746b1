"""Documents that readers keep: an entity tag, and 304 for who has it already (RFC 9110 section 13.1.2)."""

from __future__ import annotations

import hashlib

from authserver.edge.exchange import Incoming, Outgoing


def of(body: bytes) -> str:
    """The tag of a document."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def answer(incoming: Incoming, body: bytes, tag: str, content_type: str, *, max_age: int) -> Outgoing:
    """The document, which anybody may keep for `max_age` seconds, or 304 without it."""
    caching = [("Cache-Control", f"public, max-age={max_age}"), ("ETag", tag)]
    if _has(incoming.header("if-none-match"), tag):
        return Outgoing(304, headers=caching)
    return Outgoing(200, body, [("Content-Type", content_type), *caching])


def _has(if_none_match: str, tag: str) -> bool:
    sent = (each.strip().removeprefix("W/") for each in if_none_match[:1000].split(","))
    return any(each in (tag, "*") for each in sent)
