"""One request and one answer without a framework: what machine endpoints are written against."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from authserver.edge import client_address
from authserver.lib import clock

# Bodies of protocol endpoints: a client assertion of 16 kB and every parameter fit well into this.
MAX_BODY = 64 * 1024
RECEIVED_KEY = "authserver.received_us"
ARRIVED_KEY = "authserver.arrived_us"  # when the front had it, which may be another room's attempt ago
Headers = list[tuple[str, str]]
STATUS = {
    200: "200 OK", 201: "201 Created", 202: "202 Accepted", 204: "204 No Content",
    302: "302 Found", 303: "303 See Other", 304: "304 Not Modified",
    400: "400 Bad Request", 401: "401 Unauthorized", 403: "403 Forbidden", 404: "404 Not Found",
    405: "405 Method Not Allowed", 408: "408 Request Timeout", 409: "409 Conflict",
    411: "411 Length Required", 413: "413 Content Too Large", 415: "415 Unsupported Media Type",
    422: "422 Unprocessable Content", 429: "429 Too Many Requests", 431: "431 Request Header Fields Too Large",
    500: "500 Internal Server Error", 503: "503 Service Unavailable",
}  # fmt: skip


@dataclass(slots=True)
class Incoming:
    """A request: header names in lower case, the body whole, `ip` by the rule for trusted proxies."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    ip: str
    # Epoch microseconds: when it arrived at the earliest, see edge/arrivals.py.
    received_us: int = field(default_factory=clock.now_us)
    plain_http: bool = False  # a trusted proxy said that the client came over http
    body_too_large: bool = False

    def header(self, name: str) -> str:
        """A header's value by its lower-case name, or an empty string."""
        return self.headers.get(name, "")


@dataclass(slots=True)
class Outgoing:
    """An answer; header names are written as they go out."""

    status: int
    body: bytes = b""
    headers: Headers = field(default_factory=list)
    log: dict[str, Any] = field(default_factory=dict)


Handler = Callable[[Incoming], Outgoing]


def read(environ: WSGIEnvironment) -> Incoming:
    """Parse a WSGI environment once; reads at most MAX_BODY bytes of body."""
    headers = {_name(key): value for key, value in environ.items() if key.startswith("HTTP_")}
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    body, too_large = _read_body(environ)
    peer = environ.get("REMOTE_ADDR") or ""
    return Incoming(
        method=environ["REQUEST_METHOD"],
        path=environ.get("PATH_INFO", ""),
        query=environ.get("QUERY_STRING", ""),
        headers=headers,
        body=body,
        ip=client_address.of(peer, headers.get("x-forwarded-for")),
        received_us=environ.get(RECEIVED_KEY) or clock.now_us(),
        plain_http=client_address.came_over_plain_http(peer, headers.get("x-forwarded-proto")),
        body_too_large=too_large,
    )


@functools.lru_cache(maxsize=512)  # clients differ little in what they send
def _name(key: str) -> str:
    return key[5:].replace("_", "-").lower()


def write(outgoing: Outgoing, start_response: StartResponse, *, method: str = "GET") -> Iterable[bytes]:
    """Send an answer as WSGI."""
    headers, body = sent(outgoing, method)
    start_response(STATUS.get(outgoing.status, f"{outgoing.status} Unknown"), headers)
    return [body] if body else []


def sent(outgoing: Outgoing, method: str) -> tuple[Headers, bytes]:
    """Headers and body as they go out: to HEAD goes the length of the body without the body."""
    headers = [*outgoing.headers]
    if outgoing.status not in (204, 304):
        headers.append(("Content-Length", str(len(outgoing.body))))
    return headers, b"" if method == "HEAD" else outgoing.body


def _read_body(environ: WSGIEnvironment) -> tuple[bytes, bool]:
    text = environ.get("CONTENT_LENGTH") or ""
    if text.isascii() and text.isdigit():
        length = int(text[:19])
        if length > MAX_BODY:
            return b"", True
        return (environ["wsgi.input"].read(length) if length else b""), False
    if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked" or environ.get("wsgi.input_terminated"):
        body = environ["wsgi.input"].read(MAX_BODY + 1)
        return (b"", True) if len(body) > MAX_BODY else (body, False)
    return b"", False
