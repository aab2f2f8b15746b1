"""Granian's RSGI in front of our WSGI application: bodies are read before a thread is taken, header names are exact.

An event loop receives requests; a slow sender costs it a waiting task, not one of the few threads that answer. What
needs no waiting is answered on the loop, everything else in the room of its kind (edge/pools.py).
WSGI has one name for `X-Real-Ip` and `X_Real_Ip`; here the second kind is dropped, as proxies and gunicorn do.
"""

from __future__ import annotations

import asyncio
import functools
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from io import BytesIO
from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

from granian.rsgi import HTTPProtocol, ProtocolClosed, ProtocolError, Scope  # type: ignore[attr-defined]  # no __all__

from authserver.edge import draining, exchange, headers, pools
from authserver.edge.pace import Machines, Pause, Turns, Unhurried
from authserver.edge.pools import Pool
from authserver.edge.shares import Shares
from authserver.lib import clock, rooms
from authserver.lib.rooms import Elsewhere, Room
from authserver.observability import logs

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
_BUSY = b"Too many requests of this address are unanswered. Wait for some of their answers.\n"
_FAULT = b"Something went wrong on our side. Try again in a moment.\n"
Place = Callable[[WSGIEnvironment, bytes], str]
"""The name of the room in which a request is to be answered, by its environment and its body."""
Whose = Callable[[WSGIEnvironment], str]
"""The address whose share of a room a request takes; empty where nobody's is counted."""
Refusal = Callable[[WSGIEnvironment], exchange.Outgoing]
"""What a request is told whose room is full; waits for nothing."""


class Refused(Exception):
    """This request is answered here, with a status and a sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


def _full(_environ: WSGIEnvironment) -> exchange.Outgoing:
    return exchange.Outgoing(503, headers=[*headers.for_machines(), ("Retry-After", "1")])


def nobodys(_environ: WSGIEnvironment) -> str:
    return ""


def _everywhere(_environ: WSGIEnvironment, _body: bytes) -> str:
    return pools.PROTOCOL.name


class Front:
    """RSGI: answers with what `app` answers, in the room that `place` names; `threads` are those of the protocol."""

    def __init__(
        self,
        app: WSGIApplication,
        *,
        threads: int,
        body_seconds: float = BODY_SECONDS,
        shares: Shares | None = None,
        place: Place = _everywhere,
        full: Refusal = _full,
        whose: Whose = nobodys,
        machines: Machines | None = None,
    ) -> None:
        self._app, self._body_seconds, self._place, self._full = app, body_seconds, place, full
        self._shares, self._machines, self._whose = shares or Shares(0), machines or Machines(), whose
        self._unhurried = {name: Unhurried(Turns(self._machines)) for name in pools.UNHURRIED}
        self._pools = {room.name: Pool(room, size, self._work) for room, size in pools.sizes(threads).items()}
        self._large = asyncio.Semaphore(LARGE_BODIES)

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        address = _address(scope)
        if not self._shares.take(address):
            logs.event("share_used_up", level="warning", ip=address)
            _refuse(protocol, HTTPStatus.TOO_MANY_REQUESTS, _BUSY, ("Retry-After", "1"))
            return
        try:
            await self._answer(scope, protocol)
        finally:
            self._shares.give_back(address)

    async def _answer(self, scope: Scope, protocol: HTTPProtocol) -> None:
        try:
            environ = environment(scope)
            body = await self._body(environ, protocol)
        except Refused as refused:
            logs.event("refused_early", status=refused.status, msg=refused.text, ip=_address(scope))
            _refuse(protocol, refused.status, refused.text.encode() + b"\n")
            return
        environ[exchange.ARRIVED_KEY] = clock.now_us()
        job = _Job(environ, body, protocol)
        name = self._place(environ, body)
        if name not in pools.HURRIED:
            await self._in_room(job, name)
            return
        self._machines.begin()
        try:
            await self._in_room(job, name)
        finally:
            self._machines.end()

    async def _in_room(self, job: _Job, name: str) -> None:
        if name == pools.INSTANT.name:
            try:
                _answer(self._app, job, pools.INSTANT)
                return
            except Elsewhere as where:
                name = where.room
        self._send(job, name)
        # Granian takes the end of this coroutine for the end of the answer.
        await job.answered

    async def _body(self, environ: WSGIEnvironment, protocol: HTTPProtocol) -> bytes:
        length = _length(environ)
        if length == 0 or length > MAX_BODY:
            return b""
        try:
            async with asyncio.timeout(self._body_seconds):
                body = await (protocol() if 0 < length <= SMALL_BODY else self._read(protocol))
        except TimeoutError:
            raise Refused(408, "The body of the request did not arrive in time.") from None
        except (ProtocolClosed, ProtocolError):
            body = b""
        if len(body) < length:
            raise Refused(400, "The body of the request broke off.")
        return body

    async def _read(self, protocol: HTTPProtocol) -> bytes:
        """A long body, or one of unknown length: up to one byte more than is allowed, which it is then refused for."""
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

    def _send(self, job: _Job, name: str) -> None:
        """To the room of this name, or away if too many wait there. Never waits."""
        pool = self._pools[name]
        if not pool.offer(job, self._whose(job.environ()) if pool.shared else ""):
            self._turn_away(job)
            job.finish()

    def _turn_away(self, job: _Job) -> None:
        environ = job.environ()
        try:
            with rooms.entered(pools.INSTANT):
                told = self._full(environ)
        except Exception as error:  # a fault of ours must not cost the room its thread
            logs.failure("request_failed", error)
            told = _full(environ)
        _say(job.protocol, told.status, [*told.headers, ("Server", "")], told.body)

    def _work(self, job: _Job, room: Room) -> None:
        if room.name not in pools.UNHURRIED:
            self._do(job, room)
            return
        with self._unhurried[room.name].working() as pause:
            self._do(job, room, pause)

    def _do(self, job: _Job, room: Room, pause: Pause | None = None) -> None:
        try:
            _answer(self._app, job, room, pause)
        except Elsewhere as where:
            self._send(job, where.room)
            return
        except Exception as error:  # this thread goes on to the next
            logs.failure("request_failed", error)
        job.finish()


class _Job:
    """A request that waits for a thread."""

    def __init__(self, environ: WSGIEnvironment, body: bytes, protocol: HTTPProtocol) -> None:
        self._environ, self._body, self.protocol = environ, body, protocol
        self._loop = asyncio.get_running_loop()
        self.answered: asyncio.Future[None] = self._loop.create_future()

    def environ(self) -> WSGIEnvironment:
        """As it came, for each room that tries to answer."""
        return {**self._environ, "wsgi.input": BytesIO(self._body)}

    def finish(self) -> None:
        self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self.answered.done():  # else the client went away
            self.answered.set_result(None)


def environment(scope: Scope) -> WSGIEnvironment:
    """A WSGI environment (PEP 3333) of a request without its body. Nothing of `os.environ` is in it. Raises Refused."""
    server, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": _latin(scope.path),
        "QUERY_STRING": _latin(scope.query_string),
        "REMOTE_ADDR": _address(scope),
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": "HTTP/" + scope.http_version,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    for name, value in scope.headers.items():
        if "_" in name:
            continue
        key = _key(name)
        environ[key] = environ[key] + _JOINED_BY.get(name, ",") + value if key in environ else value
    _require_whole(scope, environ)
    for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if "HTTP_" + key in environ:
            environ[key] = environ.pop("HTTP_" + key)
    return environ


@functools.lru_cache(maxsize=512)  # clients differ little in what they send
def _key(name: str) -> str:
    return "HTTP_" + name.upper().replace("-", "_")


def _require_whole(scope: Scope, environ: WSGIEnvironment) -> None:
    """Every header that decides something is there, and one Host (RFC 9112 section 3.2)."""
    headers = scope.headers
    for name in headers.keys():  # noqa: SIM118  # granian's own type: iterating it is not iterating its names
        if headers.get(name) is None and DECIDING.fullmatch(name):
            raise Refused(400, "A header holds characters that are not visible ASCII.")
    host = environ.get("HTTP_HOST", "")
    if "," in host or (not host and scope.http_version == "1.1"):
        raise Refused(400, "A request names one host.")


def _address(scope: Scope) -> str:
    return scope.client.rpartition(":")[0].strip("[]")


def _latin(text: str) -> str:
    """Text as WSGI wants it: the bytes of its UTF-8, each as one character."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("latin-1")


def _length(environ: WSGIEnvironment) -> int:
    """Bytes of body to come; -1 if they end when they end."""
    text = environ.get("CONTENT_LENGTH", "")
    if text:
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else MAX_BODY + 1
    return -1 if "HTTP_TRANSFER_ENCODING" in environ else 0


def _answer(app: WSGIApplication, job: _Job, room: Room, pause: Pause | None = None) -> None:
    try:
        with rooms.entered(room):
            status, headers, body = _asked(app, job.environ(), pause)
    except Elsewhere:
        raise
    except Exception as error:  # the last net under the application, which has nets of its own
        logs.failure("request_failed", error)
        _refuse(job.protocol, HTTPStatus.INTERNAL_SERVER_ERROR, _FAULT)
        return
    headers = [*headers, ("Server", "")]  # else granian names itself
    if draining.started():
        headers.append(("Connection", "close"))  # clients open their next connection elsewhere
    _say(job.protocol, status, headers, body)


def _asked(
    app: WSGIApplication, environ: WSGIEnvironment, pause: Pause | None
) -> tuple[int, list[tuple[str, str]], bytes]:
    started: list[tuple[int, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        started[:] = [(int(status[:3]), headers)]

    answer = app(environ, start_response)
    try:
        body = b"".join(answer if pause is None else _unhurriedly(answer, pause))
    finally:
        close = getattr(answer, "close", None)
        if close is not None:
            close()
    return *started[0], body


def _unhurriedly(pieces: Iterable[bytes], pause: Pause) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        pause()


def _refuse(protocol: HTTPProtocol, status: int, text: bytes, *more: tuple[str, str]) -> None:
    """Answer without the application, under the same headers as every other answer (ASVS 3.4)."""
    plain = [("Content-Type", "text/plain; charset=utf-8"), ("Connection", "close"), ("Server", "")]
    _say(protocol, status, [*plain, *more, *headers.for_machines()], text)


def _say(protocol: HTTPProtocol, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
    try:
        if body or status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            protocol.response_bytes(status, headers, body)
        else:
            protocol.response_empty(status, headers)
    except ProtocolClosed:
        pass  # the client did not wait
