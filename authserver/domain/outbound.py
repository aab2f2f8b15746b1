"""Requests of this server: to checked and pinned addresses, without redirects, short and small (security 7.5)."""

from __future__ import annotations

import contextlib
import functools
import http.client
import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authserver import config, database
from authserver.domain.record import audit
from authserver.lib import outbound, rooms
from authserver.lib.outbound import Address, Allowed, Target
from authserver.observability import metrics, tracing

# The client is imported by what sends: judging a URL, as most of our commands do, needs none.
if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection
    from urllib3.response import BaseHTTPResponse

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 10.0
MAX_BODY = 64 * 1024
MAX_ADDRESSES = 4
_CHUNK = 8192
# How many names are looked up at once in a process: by requests of pages and the API, by those in the room for what is
# outside, and by deliveries, which have threads of their own. A lookup that takes too long keeps its thread, and its
# place, until the resolver gives up.
LOOKUPS = {"requests": 2, "outside": 8, "deliveries": 64}


class Blocked(Exception):
    """The guard refuses this target; the text says why and may be read by who chose the URL.

    `detail` is for the log: which address a name has in here is not theirs to find out.
    """

    def __init__(self, text: str, detail: str = "") -> None:
        super().__init__(text)
        self.detail = detail or text


class Failed(Exception):
    """The target was asked and gave no usable answer; the text says what happened."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers as sent, at most 64 kB of body as sent, and how long it took."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    ms: int
    cut: bool = False  # there was more
    opened: bool = False  # it came from an address that only an operator's exception opens


def fetch(url: str, method: str, headers: Mapping[str, str], body: bytes, *, timeout: float = TOTAL_SECONDS) -> Answer:
    """Send one request and read its answer, all within `timeout` seconds. Raises Blocked or Failed.

    Never inside a transaction: a block is recorded in the audit log, in its own.
    """
    try:
        return ask(url, method, headers, body, timeout=timeout)
    except Blocked as refused:
        _record(url, refused.detail)
        raise


def ask(url: str, method: str, headers: Mapping[str, str], body: bytes, *, timeout: float = TOTAL_SECONDS) -> Answer:
    """The same by an operator at a shell, who sees what is blocked, and may have no database at hand."""
    began = time.monotonic()
    deadline = began + timeout
    target = check(url)
    addresses = permitted(target, timeout=min(timeout, CONNECT_SECONDS))
    with tracing.calling(method, target.host, target.port) as answered:
        with _connected(target, addresses, deadline) as made, _watched(made, deadline):
            status, sent, content, cut = _exchange(made, target, method, headers, body, deadline)
        answered.append(status)
    opened = any(outbound.objection(each) for each in addresses) or target.scheme != "https" or target.port != 443
    return Answer(status, sent, content, int((time.monotonic() - began) * 1000), cut, opened)


def check(url: str) -> Target:
    """What can be said about a URL without asking anybody. Raises Blocked."""
    try:
        target = outbound.parse(url)
    except outbound.BadUrl as error:
        raise Blocked(str(error)) from None
    address = target.address
    if address is not None:
        _require(target, [address])
    elif not _opened().networks and not _opened().named(target.host, target.port):
        _require_https(target)
        if outbound.is_inner_name(target.host):
            raise Blocked(f"{target.host} names a private address.")
    return target


def permitted(target: Target, *, timeout: float = CONNECT_SECONDS) -> list[Address]:
    """The addresses of a target, looked up once; all of them may be reached. Raises Blocked, or Failed without any."""
    address = target.address
    try:
        addresses = [address] if address is not None else _resolved(target.host, target.port, timeout)
    except Failed:
        _require(target, [])  # plain http to a name that is nowhere is refused for what it is
        raise
    _require(target, addresses)
    return addresses


def _require(target: Target, addresses: Sequence[Address]) -> None:
    allowed = _opened()
    named = allowed.named(target.host, target.port)
    strange = [each for each in addresses if not named and not allowed.holds(each)]
    for each in strange:
        if word := outbound.objection(each):
            said = f"{each} is {word}."
            raise Blocked(said if target.address is not None else f"{target.host} names {word}.", said)
    if strange or not (addresses or named):
        _require_https(target)


def _require_https(target: Target) -> None:
    if target.scheme != "https":
        raise Blocked("A URL starts with https://.")
    if target.port != 443:
        raise Blocked("Only port 443 can be reached.")


def _opened() -> Allowed:
    return _parsed(config.current().outbound_allow)


_parsed = functools.lru_cache(maxsize=8)(outbound.parse_allowed)


def _resolved(host: str, port: int, timeout: float) -> list[Address]:
    """Ask the system's resolver, which takes no time-out itself, in a thread that may be left behind."""
    answers: queue.SimpleQueue[list[Address] | None] = queue.SimpleQueue()
    give_up = time.monotonic() + timeout
    place = _place(timeout)
    threading.Thread(target=_look_up, args=(host, port, answers, place), name="resolver", daemon=True).start()
    try:
        found = answers.get(timeout=max(0.0, give_up - time.monotonic()))
    except queue.Empty:
        raise Failed(f"The name {host} was not resolved within {timeout:g} s.") from None
    if not found:
        raise Failed(f"The name {host} has no address.")
    return found


def _place(timeout: float) -> threading.Semaphore:
    """A place among those who look names up; in a request nobody waits for one. Raises Failed."""
    kind = {"": "deliveries", "outside": "outside"}.get(rooms.name(), "requests")
    place = _places[kind]
    if not place.acquire(timeout=timeout if kind == "deliveries" else 0.0):
        metrics.QUEUE_REJECTED.labels("names").inc()
        raise Failed("Too many names are being looked up at this moment.")
    return place


_places = {kind: threading.Semaphore(count) for kind, count in LOOKUPS.items()}


def _look_up(
    host: str, port: int, answers: queue.SimpleQueue[list[Address] | None], place: threading.Semaphore
) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        answers.put(None)
        return
    finally:
        place.release()
    unique = dict.fromkeys(str(each[4][0]) for each in found)
    # An address with a zone (fe80::1%eth0) keeps it and is refused as link-local.
    answers.put([ipaddress.ip_address(text) for text in unique])


@contextlib.contextmanager
def _connected(target: Target, addresses: Sequence[Address], deadline: float) -> Iterator[HTTPConnection]:
    """A connection to the first address that answers; the name is asked nobody again."""
    from urllib3 import exceptions

    give_up = min(deadline, time.monotonic() + CONNECT_SECONDS)
    failure = Failed("Nothing listens there.")
    for address in addresses[:MAX_ADDRESSES]:
        left = give_up - time.monotonic()
        if left <= 0:
            break
        made = _connection(target, address, left)
        try:
            made.connect()
        except (OSError, ValueError, exceptions.HTTPError) as error:
            made.close()
            failure = Failed(_what_happened(error, CONNECT_SECONDS))
            continue
        try:
            yield made
        finally:
            made.close()
        return
    raise failure


def _connection(target: Target, address: Address, seconds: float) -> HTTPConnection:
    from urllib3 import connection

    if target.scheme == "http":
        return connection.HTTPConnection(str(address), target.port, timeout=seconds)
    return connection.HTTPSConnection(
        str(address),
        target.port,
        timeout=seconds,
        server_hostname=target.host,  # the name that is sent and that the certificate must hold
        ssl_context=_tls(config.current().outbound_ca),
    )


@functools.lru_cache(maxsize=4)
def _tls(bundle: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=bundle or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


@contextlib.contextmanager
def _watched(made: HTTPConnection, deadline: float) -> Iterator[None]:
    """Cut the connection at the deadline: time-outs of a socket start anew with every byte it trickles."""

    def cut() -> None:
        if (connected := made.sock) is not None:
            with contextlib.suppress(OSError):
                # Not SSLSocket's own, which takes TLS away under the reader's feet.
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

    watch = threading.Timer(max(0.0, deadline - time.monotonic()), cut)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def _exchange(
    made: HTTPConnection,
    target: Target,
    method: str,
    headers: Mapping[str, str],
    body: bytes,
    deadline: float,
) -> tuple[int, tuple[tuple[str, str], ...], bytes, bool]:
    from urllib3 import exceptions

    own = {"Host": target.host_header, "Accept-Encoding": "identity", "Connection": "close"}
    seconds = deadline - time.monotonic()
    if seconds <= 0:  # this process stood still: somebody else may be sending it by now
        raise Failed(_what_happened(TimeoutError(), seconds, late=True))
    try:
        made.timeout = max(0.001, seconds)
        made.sock.settimeout(made.timeout)  # it had the shorter one of connecting
        made.request(
            method, target.path, body=body or None, headers={**headers, **own}, preload_content=False,
            decode_content=False,
        )  # fmt: skip
        answer = made.getresponse()
        content = _read(answer, deadline)
    except (OSError, http.client.HTTPException, exceptions.HTTPError, ValueError) as error:
        raise Failed(_what_happened(error, seconds, late=time.monotonic() >= deadline)) from error
    return answer.status, tuple(answer.headers.items()), content[:MAX_BODY], len(content) > MAX_BODY


def _read(answer: BaseHTTPResponse, deadline: float) -> bytes:
    content = b""
    while len(content) <= MAX_BODY:
        piece = answer.read(_CHUNK, decode_content=False)
        if time.monotonic() >= deadline:
            raise TimeoutError
        if not piece:
            break
        content += piece
    return content


def _what_happened(error: Exception, seconds: float, *, late: bool = False) -> str:
    from urllib3 import exceptions

    silence = f"No answer within {max(1, round(seconds))} s."
    if late:
        return silence
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"The certificate is not accepted: {cause.verify_message}."
        if isinstance(cause, ssl.SSLError):
            return "No TLS connection could be made."
        if isinstance(cause, ConnectionRefusedError):
            return "The connection was refused."
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, exceptions.NewConnectionError):  # which is also called a time-out
        return "The address cannot be reached."
    if isinstance(error, (TimeoutError, exceptions.TimeoutError)):
        return silence
    return "The connection broke before the answer was whole."


def _record(url: str, why: str) -> None:
    """Every block is audited (security 7.5); the path of the URL may hold a secret and is left out."""
    try:
        host = outbound.parse(url).host
    except outbound.BadUrl:
        host = ""
    with database.transaction() as session:
        audit.record(session, "outbound.blocked", target=f"host:{host}", result="refused", reason=why)
