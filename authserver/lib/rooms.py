"""Where a request is being answered, and what may be waited for there (decision 15).

Nothing that waits knows threads or queues: before it asks the database or somebody else's server it says so, and where
that must not be waited for the request moves to a room in which it may. Outside of any room everything may be awaited.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Room:
    """A kind of place to answer requests in.

    `database`, `outside` and `limits` (where requests are counted: a file that others lock, or Redis): the room, by
    name, to move to if these may not be waited for here.
    `long`: the room to move to for an answer that is long in the making, if that is another.
    `seconds` is how long all waiting for the database may take in one request; 0 is for ever.
    """

    name: str
    database: str = ""
    outside: str = ""
    limits: str = ""
    long: str = ""
    seconds: float = 0.0


class Elsewhere(BaseException):
    """This request cannot be answered here without waiting: begin it again in the room of this name.

    `whose` says who chose what would be waited for: whose share of that room it takes; empty: who asks.

    No Exception, since nothing between who raises it and who moves the request may take it for a fault.
    """

    def __init__(self, room: str, whose: str = "") -> None:
        super().__init__(room)
        self.room, self.whose = room, whose


@dataclass(slots=True)
class _Stay:
    room: Room
    until: float


_stay: ContextVar[_Stay | None] = ContextVar("authserver_room", default=None)


@contextlib.contextmanager
def entered(room: Room) -> Iterator[None]:
    """Answer a request in this room; its time begins now."""
    token = _stay.set(_Stay(room, time.monotonic() + room.seconds if room.seconds else 0.0))
    try:
        yield
    finally:
        _stay.reset(token)


def about_to_ask_database() -> None:
    """Say so before a statement. Raises Elsewhere where none may be waited for."""
    stay = _stay.get()
    if stay is not None and stay.room.database:
        raise Elsewhere(stay.room.database)


def about_to_ask_outside(whose: str) -> None:
    """Say so before somebody else's server is asked, and before anything was changed. Raises Elsewhere.

    `whose` is who chose the server (the owner of an app, a host): who chose slow ones waits for them alone.
    """
    stay = _stay.get()
    if stay is not None and stay.room.outside:
        raise Elsewhere(stay.room.outside, whose)


def about_to_count() -> None:
    """Say so before requests are counted where others count, too. Raises Elsewhere where that may not be waited for."""
    stay = _stay.get()
    if stay is not None and stay.room.limits:
        raise Elsewhere(stay.room.limits)


def about_to_take_long() -> None:
    """Say so before a long answer is made, and before anything was changed. Raises Elsewhere."""
    stay = _stay.get()
    if stay is not None and stay.room.long:
        raise Elsewhere(stay.room.long)


def name() -> str:
    """The room in which this request is answered; empty outside of any."""
    stay = _stay.get()
    return stay.room.name if stay is not None else ""


def deadline() -> float:
    """When (monotonic seconds) waiting for the database ends for this request; 0 for never."""
    stay = _stay.get()
    return stay.until if stay is not None else 0.0
