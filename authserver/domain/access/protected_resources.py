"""The APIs that this server describes, and where their descriptions are (RFC 9728 sections 3 and 3.1)."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from authserver import config
from authserver.domain.access import resources

WELL_KNOWN = "/.well-known/oauth-protected-resource"


def identifiers() -> tuple[str, ...]:
    """Our own, then the registered ones at our origin: a description is served by the host of its resource."""
    origin = _origin()
    return tuple(dict.fromkeys((*resources.own(), *(each for each in resources.all() if _is_at(origin, each)))))


def metadata_url(identifier: str) -> str:
    """Where a resource is described: the well-known path goes between its host and its path."""
    parts = urlsplit(identifier)
    path = "" if parts.path == "/" else parts.path
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{WELL_KNOWN}{path}{query}"


def challenge(identifier: str) -> str:
    """What an API answers to whoever has no token, as its header says it (RFC 9728 section 5.1); empty for a URN."""
    if not identifier.startswith(("https://", "http://")):
        return ""
    return f'WWW-Authenticate: Bearer resource_metadata="{metadata_url(identifier)}"'


def tails() -> dict[str, str]:
    """What follows the well-known path → the resource that is meant, the path decoded as WSGI does.

    With a path in the issuer also what follows in the appended form, `<issuer>/.well-known/…`, wherever no other
    resource's own place is there.
    """
    issuer, start = config.current().issuer, _origin() + WELL_KNOWN
    known = identifiers()
    found = {_decoded(metadata_url(each).removeprefix(start)): each for each in reversed(known)}
    for each in known:
        if _is_at(issuer, each):
            found.setdefault(_decoded(each.removeprefix(issuer)), each)
    return found


def covers(identifier: str, path: str) -> bool:
    """Whether a path at our origin is that of a registered resource, or below it."""
    start = identifier.partition("?")[0].rstrip("/")
    return identifier in resources.all() and _is_at(start, _origin() + path)


def _origin() -> str:
    parts = urlsplit(config.current().issuer)
    return f"{parts.scheme}://{parts.netloc}"


def _is_at(start: str, identifier: str) -> bool:
    """Whether a URL starts with another one, and goes on where a part of it ends."""
    rest = identifier.removeprefix(start)
    return identifier.startswith(start) and rest[:1] in ("", "/", "?")


def _decoded(tail: str) -> str:
    path, mark, query = tail.partition("?")
    return unquote(path, encoding="latin-1") + mark + query
