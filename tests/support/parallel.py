"""Many requests at the same instant: all connections are open and all but the last byte is sent before it goes off."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPResponse
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from tests.support.browsing import Answer

T = TypeVar("T")
SECONDS = 60


def request(url: str, fields: Mapping[str, Any] | Sequence[tuple[str, str]], headers: Mapping[str, str]) -> bytes:
    """A POST of a form, as it goes over the wire."""
    parts, body = urlsplit(url), urlencode(fields, doseq=True).encode()
    lines = [
        f"POST {parts.path} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def volley(url: str, raw: Sequence[bytes]) -> list[Answer]:
    """Send every request at once; their answers in the same order."""
    parts = urlsplit(url)
    address = ("127.0.0.1", parts.port or 80)
    sockets = [socket.create_connection(address, timeout=SECONDS) for _ in raw]
    try:
        for connection, each in zip(sockets, raw, strict=True):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(each[:-1])
        for connection, each in zip(sockets, raw, strict=True):
            connection.sendall(each[-1:])
        return [_read(connection, url) for connection in sockets]
    finally:
        for connection in sockets:
            connection.close()


def _read(connection: socket.socket, url: str) -> Answer:
    answer = HTTPResponse(connection)
    answer.begin()
    return Answer(answer.status, url, answer.getheaders(), answer.read())


def together(count: int, work: Callable[[int], T]) -> list[T]:
    """Run `work(0) … work(count - 1)` in threads that start at one moment; raises what any of them raised."""
    gate = threading.Barrier(count)

    def run(number: int) -> T:
        gate.wait(SECONDS)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))
