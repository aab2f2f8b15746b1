"""Requests as granian's RSGI hands them over: their headers read in one walk, their bodies on the loop, within limits.

WSGI has one name for `X-Real-Ip` and `X_Real_Ip`; here the second kind is dropped, as proxies and gunicorn do.
"""

from __future__ import annotations

import asyncio
import functools
import re
import sys
from io import BytesIO
from typing import Any
from wsgiref.types import WSGIEnvironment

from granian.rsgi import HTTPProtocol, ProtocolClosed, ProtocolError, Scope  # type: ignore[attr-defined]  # no __all__

from authserver.edge import client_address, exchange
from authserver.edge.exchange import Incoming
from authserver.lib import clock

# The largest body that anything here takes; what is longer is not read, and refused by whoever it was meant for.
MAX_BODY = 256 * 1024
# Only so many bodies may grow beyond this size at once: what a process can be made to hold has an end.
SMALL_BODY = 64 * 1024
LARGE_BODIES = 64
BODY_SECONDS = 30.0
# Lists that may come in several lines. Of anything else two lines become one value, too, which then is no valid one.
_JOINED_BY = {"cookie": "; "}
# Granian leaves out a line that holds more than visible ASCII. Where nothing is decided by it, that does no harm;
# in these a client could unsay with it what a proxy says, or send what one reader sees and another does not.
DECIDING = re.compile(
    r"authorization|proxy-authorization|host|origin|forwarded|content-(type|length|encoding)|transfer-encoding"
    r"|access-control-request-(method|headers)|if-(none-)?match|idempotency-key|dpop|client-cert|client-cert-chain"
    r"|x-(forwarded|original)-.*|x-.*-signature|webhook-.*|sec-fetch-.*"
)


class Refused(Exception):
    """This request is answered here, with a status and a sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


def address(scope: Scope) -> str:
    """The peer's address without its port."""
    return scope.client.rpartition(":")[0].strip("[]")


def read(scope: Scope, peer: str) -> Incoming:
    """A request without its body, which is asked for next. Raises Refused."""
    given = scope.headers  # a copy of all of them at each look
    headers: dict[str, str] = {}
    for name, value in given.items():
        if "_" not in name:
            headers[name] = headers[name] + _JOINED_BY.get(name, ",") + value if name in headers else value
    for name in given.keys():  # noqa: SIM118  # granian's own type: iterating it makes a list first
        if _decides(name) and given.get(name) is None:
            raise Refused(400, "A header holds characters that are not visible ASCII.")
    if headers.get("content-type") == "":
        del headers["content-type"]
    host = headers.get("host", "")
    if "," in host or (not host and scope.http_version == "1.1"):  # RFC 9112 section 3.2
        raise Refused(400, "A request names one host.")
    return Incoming(
        method=scope.method,
        path=_latin(scope.path),
        query=_latin(scope.query_string),
        headers=headers,
        body=b"",
        ip=client_address.of(peer, headers.get("x-forwarded-for")),
        plain_http=client_address.came_over_plain_http(peer, headers.get("x-forwarded-proto")),
    )


@functools.lru_cache(maxsize=512)  # clients differ little in what they send
def _decides(name: str) -> bool:
    return DECIDING.fullmatch(name) is not None


class Bodies:
    """Reads bodies: each within `seconds`, and of the large ones only so many at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._large = asyncio.Semaphore(LARGE_BODIES)

    async def read(self, asked: Incoming, protocol: HTTPProtocol) -> bytes:
        """The body; of one that is too long nothing, or one byte more than is allowed. Raises Refused.

        The request has it too, unless it is longer than an endpoint takes, and came when its body was there.
        """
        expected = _length(asked.headers)
        body = await self._read(expected, protocol)
        asked.body_too_large = max(expected, len(body)) > exchange.MAX_BODY
        asked.body = b"" if asked.body_too_large else body
        asked.received_us = clock.now_us()
        return body

    async def _read(self, expected: int, protocol: HTTPProtocol) -> bytes:
        if expected == 0 or expected > MAX_BODY:
            return b""
        try:
            async with asyncio.timeout(self._seconds):
                body = await (protocol() if 0 < expected <= SMALL_BODY else self._read_on(protocol))
        except TimeoutError:
            raise Refused(408, "The body of the request did not arrive in time.") from None
        except (ProtocolClosed, ProtocolError):
            body = b""
        if len(body) < expected:
            raise Refused(400, "The body of the request broke off.")
        return body

    async def _read_on(self, protocol: HTTPProtocol) -> bytes:
        body, held = bytearray(), False
        try:
            # One loop over granian's own iterator: it stands for no second one, and `anext` with a default crashes it.
            async for chunk in protocol:
                body += chunk
                if len(body) > MAX_BODY:
                    break
                if len(body) > SMALL_BODY and not held:
                    held = await self._large.acquire()
        finally:
            if held:
                self._large.release()
        return bytes(body[: MAX_BODY + 1])


def _length(headers: dict[str, str]) -> int:
    """Bytes of body to come; -1 if they end when they end."""
    text = headers.get("content-length", "")
    if text:
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else MAX_BODY + 1
    return -1 if "transfer-encoding" in headers else 0


def environment(scope: Scope, asked: Incoming, body: bytes) -> WSGIEnvironment:
    """The same request as a WSGI environment (PEP 3333), for pages. Nothing of `os.environ` is in it."""
    server, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": asked.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": _latin(scope.path),
        "QUERY_STRING": asked.query,
        "REMOTE_ADDR": address(scope),
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": "HTTP/" + scope.http_version,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        exchange.ARRIVED_KEY: asked.received_us,
    }
    for name, value in asked.headers.items():
        environ[_key(name)] = value
    return environ


@functools.lru_cache(maxsize=512)
def _key(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key


def _latin(text: str) -> str:
    """Text as WSGI wants it: the bytes of its UTF-8, each as one character."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("latin-1")
