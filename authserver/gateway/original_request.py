"""The request in front of the proxy: its method and path, as each kind of proxy tells them (ux.md 4.6)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from authserver.edge.exchange import Incoming

# Every one of these that is present is believed, and the requirements add up: forging one can only raise them.
METHOD_HEADERS = ("x-original-method", "x-forwarded-method")
PATH_HEADERS = ("x-original-uri", "x-original-url", "x-forwarded-uri")
_BEGINNINGS = ("/", "http://", "https://")
_ENCODED_SLASH = re.compile("%(?:2f|5c)", re.IGNORECASE)


def methods(incoming: Incoming) -> list[str]:
    """Original methods as headers give them, each of several under one name."""
    said = ",".join(incoming.header(name) for name in METHOD_HEADERS)
    return [each for part in said.split(",") if (each := part.strip().upper())]


def paths(incoming: Incoming) -> list[str]:
    """Original paths as headers give them, decoded once, without the query."""
    return [path_of(each) for name in PATH_HEADERS if incoming.header(name) for each in _said(incoming.header(name))]


def _said(value: str) -> list[str]:
    """A header's value, and each of several under one name, which arrive as one with commas (RFC 9110 section 5.3).

    A proxy that adds its header to a client's, instead of replacing that, sends two.
    """
    parts = [part.strip() for part in value.split(",")]
    return [value, *parts] if any(part.startswith(_BEGINNINGS) for part in parts[1:]) else [value]


def pairs(incoming: Incoming, own_method: str | None, own_path: str | None) -> Iterator[tuple[str, str]]:
    """Every (method, path) that the headers and, for Envoy, the request line say. Empty if one half is missing."""
    said_methods = dict.fromkeys([*([own_method] if own_method else []), *methods(incoming)])
    said_paths = dict.fromkeys([*([own_path] if own_path else []), *paths(incoming)])
    for method in said_methods:
        for path in said_paths:
            yield method, path


def path_of(uri: str) -> str:
    """The path of a URI, percent-decoded once; empty if readers may take it for different ones.

    No request target holds a bare `#` (RFC 9112 section 3.2), but proxies pass it on, and APIs cut there or not. APIs
    split a path before they decode `%2F`, or after (RFC 3986 section 2.2).
    """
    if "#" in uri or _ENCODED_SLASH.search(uri.partition("?")[0]):
        return ""
    try:
        path = urlsplit(uri).path if not uri.startswith("/") else uri.partition("?")[0]
    except ValueError:
        return ""
    return unquote(path, errors="replace")


def is_plain(path: str) -> bool:
    """Whether every reader takes this path alike: no dot segments, no doubled or back slashes, no path parameters.

    Nor spaces at an end of a segment, which some systems take away.
    """
    segments = path.split("/")
    return (
        path.startswith("/")
        and path.isprintable()
        and not any(sign in path for sign in ("//", "\\", "%", ";", "\ufffd"))
        and "." not in segments
        and ".." not in segments
        and not any(each != each.strip() for each in segments)
    )
