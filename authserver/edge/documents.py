"""Documents that readers keep: compressed for who can read that, and 304 for who has it already (RFC 9110).

Nothing else here is ever compressed: no page with a form, no answer to a credential.
"""

from __future__ import annotations

import functools
import re

from authserver.edge.exchange import Incoming, Outgoing
from authserver.lib.documents import Document

HEADER_LIMIT = 1000
# A coding with its weight; what has another form says nothing.
_MEMBER = re.compile(r"\s*([\w*.+-]+)\s*(?:;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?")


def answer(incoming: Incoming, document: Document, content_type: str, *, caching: str) -> Outgoing:
    """The document in the form that suits this reader, or 304 without it. `caching` is its Cache-Control."""
    packed = bool(document.packed) and takes_gzip(incoming.header("accept-encoding"))
    tag = document.packed_tag if packed else document.tag
    headers = [("Cache-Control", caching), ("ETag", tag)]
    if document.packed:
        headers.append(("Vary", "Accept-Encoding"))
    if _has(incoming.header("if-none-match"), tag):
        return Outgoing(304, headers=headers)
    headers.append(("Content-Type", content_type))
    if packed:
        headers.append(("Content-Encoding", "gzip"))
    return Outgoing(200, document.packed if packed else document.body, headers)


def public(max_age: int) -> str:
    """Anybody may keep it for so many seconds."""
    return f"public, max-age={max_age}"


@functools.lru_cache(maxsize=64)  # browsers differ little in what they say
def takes_gzip(accept_encoding: str) -> bool:
    """Whether gzip is acceptable, and no less welcome than the bytes as they are (section 12.5.3)."""
    members = map(_MEMBER.fullmatch, accept_encoding[:HEADER_LIMIT].lower().split(","))
    weights = {found[1]: float(found[2] or 1) for found in members if found}
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def _has(if_none_match: str, tag: str) -> bool:
    sent = (each.strip().removeprefix("W/") for each in if_none_match[:HEADER_LIMIT].split(","))
    return any(each in (tag, "*") for each in sent)
