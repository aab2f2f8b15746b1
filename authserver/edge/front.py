"""Granian's RSGI in front of our application: bodies are read before a thread is taken, header names are exact.

An event loop receives requests; a slow sender costs it a waiting task, not one of the few threads that answer. What
needs no waiting is answered on the loop, everything else in the room of its kind (edge/pools.py). Endpoints are handed
the request as it was read (edge/arriving.py); a WSGI environment is made for pages alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

from granian.rsgi import HTTPProtocol, ProtocolClosed, Scope  # type: ignore[attr-defined]  # no __all__

from authserver.edge import arriving, draining, exchange, headers, pools
from authserver.edge.arriving import Bodies, Refused
from authserver.edge.exchange import Headers, Incoming, Outgoing
from authserver.edge.pace import Machines, Pause, Turns, Unhurried
from authserver.edge.pools import Pool
from authserver.edge.shares import Shares
from authserver.lib import rooms
from authserver.lib.rooms import Elsewhere, Room
from authserver.observability import logs

_BUSY = b"Too many requests of this address are unanswered. Wait for some of their answers.\n"
_FAULT = b"Something went wrong on our side. Try again in a moment.\n"
Answer = Callable[[Incoming], Outgoing]
Place = Callable[[Incoming], tuple[Room, Answer | None]]
"""The room in which a request is to be answered, and what answers it; None is for the WSGI application."""
Whose = Callable[[Incoming], str]
"""The address whose share of a room a request takes; empty where nobody's is counted."""
Begin = Callable[[asyncio.AbstractEventLoop], object]


def _full(_asked: Incoming) -> Outgoing:
    return Outgoing(503, headers=[*headers.for_machines(), ("Retry-After", "1")])


def nobodys(_asked: Incoming) -> str:
    return ""


def _everywhere(_asked: Incoming) -> tuple[Room, None]:
    return pools.PROTOCOL, None


def _nothing(_loop: asyncio.AbstractEventLoop) -> None:
    pass


class Front:
    """RSGI: requests are answered in the room that `place` names; `threads` are those of the protocol.

    `app` answers what `place` knows no answer for, `full` those whose room is full: it waits for nothing. `begin` is
    called with the loop before the first request.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        threads: int,
        body_seconds: float = arriving.BODY_SECONDS,
        shares: Shares | None = None,
        place: Place = _everywhere,
        full: Answer = _full,
        whose: Whose = nobodys,
        machines: Machines | None = None,
        begin: Begin = _nothing,
    ) -> None:
        self._app, self._bodies, self._place, self._full = app, Bodies(body_seconds), place, full
        self._shares, self._machines, self._whose = shares or Shares(0), machines or Machines(), whose
        self._unhurried = {name: Unhurried(Turns(self._machines)) for name in pools.UNHURRIED}
        self._pools = {room.name: Pool(room, size, self._work) for room, size in pools.sizes(threads).items()}

        self._begin = begin

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._begin(loop)

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        address = arriving.address(scope)
        if not self._shares.take(address):
            logs.event("share_used_up", level="warning", ip=address)
            _refuse(protocol, HTTPStatus.TOO_MANY_REQUESTS, _BUSY, ("Retry-After", "1"))
            return
        try:
            await self._answer(scope, address, protocol)
        finally:
            self._shares.give_back(address)

    async def _answer(self, scope: Scope, address: str, protocol: HTTPProtocol) -> None:
        try:
            asked = arriving.read(scope, address)
            body = await self._bodies.read(asked, protocol)
        except Refused as refused:
            logs.event("refused_early", status=refused.status, msg=refused.text, ip=address)
            _refuse(protocol, refused.status, refused.text.encode() + b"\n")
            return
        room, answer = self._place(asked)
        job = _Job(scope, asked, body, answer, protocol)
        if room.name not in pools.HURRIED:
            await self._in_room(job, room.name)
            return
        self._machines.begin()
        try:
            await self._in_room(job, room.name)
        finally:
            self._machines.end()

    async def _in_room(self, job: _Job, name: str) -> None:
        whose = ""
        if name == pools.INSTANT.name:
            try:
                job.answer_with(self._app, pools.INSTANT)
                return
            except Elsewhere as where:
                name, whose = where.room, where.whose
        answered = job.promise()
        self._send(job, name, whose)
        # Granian takes the end of this coroutine for the end of the answer.
        await answered

    def _send(self, job: _Job, name: str, whose: str = "") -> None:
        """To the room of this name, or away if too many wait there. Never waits."""
        pool = self._pools[name]
        if not pool.offer(job, (whose or self._whose(job.asked)) if pool.shared else ""):
            self._turn_away(job)
            job.finish()

    def _turn_away(self, job: _Job) -> None:
        try:
            with rooms.entered(pools.INSTANT):
                told = self._full(job.asked)
        except Exception as error:  # a fault of ours must not cost the room its thread
            logs.failure("request_failed", error)
            told = _full(job.asked)
        _say(job.protocol, told.status, [*told.headers, ("Server", "")], told.body)

    def _work(self, job: _Job, room: Room) -> None:
        if room.name not in pools.UNHURRIED:
            self._do(job, room)
            return
        with self._unhurried[room.name].working() as pause:
            self._do(job, room, pause)

    def _do(self, job: _Job, room: Room, pause: Pause | None = None) -> None:
        try:
            job.answer_with(self._app, room, pause)
        except Elsewhere as where:
            self._send(job, where.room, where.whose)
            return
        except Exception as error:  # this thread goes on to the next
            logs.failure("request_failed", error)
        job.finish()


class _Job:
    """A request that is to be answered, and perhaps waits for a thread."""

    __slots__ = ("_answer", "_answered", "_body", "_loop", "_scope", "asked", "protocol")

    def __init__(
        self, scope: Scope, asked: Incoming, body: bytes, answer: Answer | None, protocol: HTTPProtocol
    ) -> None:
        self._scope, self.asked, self._body, self._answer, self.protocol = scope, asked, body, answer, protocol

    def answer_with(self, app: WSGIApplication, room: Room, pause: Pause | None = None) -> None:
        """Answer in this room, from the beginning if another one tried. Raises Elsewhere."""
        try:
            with rooms.entered(room):
                status, headers, body = self._told(app, pause)
        except Elsewhere:
            raise
        except Exception as error:  # the last net under the application, which has nets of its own
            logs.failure("request_failed", error)
            _refuse(self.protocol, HTTPStatus.INTERNAL_SERVER_ERROR, _FAULT)
            return
        headers.append(("Server", ""))  # else granian names itself
        if draining.started():
            headers.append(("Connection", "close"))  # clients open their next connection elsewhere
        _say(self.protocol, status, headers, body)

    def _told(self, app: WSGIApplication, pause: Pause | None) -> tuple[int, Headers, bytes]:
        if self._answer is None:
            return _asked(app, arriving.environment(self._scope, self.asked, self._body), pause)
        told = self._answer(self.asked)
        return told.status, *exchange.sent(told, self.asked.method)

    def promise(self) -> asyncio.Future[None]:
        """What is done once this is answered; to be asked for on the loop, before another thread has the job."""
        self._loop = asyncio.get_running_loop()
        self._answered: asyncio.Future[None] = self._loop.create_future()
        return self._answered

    def finish(self) -> None:
        """It is answered."""
        self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self._answered.done():  # else the client went away
            self._answered.set_result(None)


def _asked(app: WSGIApplication, environ: WSGIEnvironment, pause: Pause | None) -> tuple[int, Headers, bytes]:
    started: list[tuple[int, Headers]] = []

    def start_response(status: str, headers: Headers, exc_info: Any = None) -> Any:
        started[:] = [(int(status[:3]), [*headers])]

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


def _say(protocol: HTTPProtocol, status: int, headers: Headers, body: bytes) -> None:
    try:
        if body or status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            protocol.response_bytes(status, headers, body)
        else:
            protocol.response_empty(status, headers)
    except ProtocolClosed:
        pass  # the client did not wait
