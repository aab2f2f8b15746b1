"""Connections to PostgreSQL that wait no longer than the request they serve, and a breaker for when none answers.

A server that is stopped, or whose packets are lost, ends no statement by itself: its own time-outs do not run. Whoever
waits here gives up by our clock, and the connection is thrown away. After that nobody waits again: requests are refused
at once until a probe got its answer.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg import errors

from authserver.errors import Unavailable
from authserver.lib import rooms
from authserver.observability import logs

T = TypeVar("T")
# Packets that nobody acknowledges for so long end a connection, whoever waits for it; so does a peer that is gone.
UNACKNOWLEDGED_MS = 5_000
KEEPALIVE = {
    "tcp_user_timeout": UNACKNOWLEDGED_MS,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
}
CONNECT_SECONDS = 3
# While the database does not answer it is asked this often whether it does again.
PROBE_SECONDS = 0.3
PROBE = rooms.Room("probe", seconds=1.0)


class Patient(psycopg.Connection[Any]):
    """A connection whose every wait ends with the time of the request that waits, and after `limit` seconds anyway."""

    limit: float | None = None

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """As the driver does. Raises OperationalError at the deadline; this connection is no use any more then."""
        until = rooms.deadline()
        left = max(0.001, until - time.monotonic()) if until else None
        ends = min((each for each in (timeout, self.limit, left) if each), default=None)
        try:
            return super().wait(gen, interval, ends)
        except errors._WaitTimeout:
            self.pgconn.finish()
            breaker.open("no answer in time")
            raise psycopg.OperationalError("the database did not answer in time") from None


@functools.cache
def _limited(seconds: float) -> type[Patient]:
    """The driver makes a connection by its class, which waits before anybody could set something on it."""
    return type("Limited", (Patient,), {"limit": seconds})


def connect(seconds: float, *words: Any, **named: Any) -> Patient:
    """A connection that waits so long at most, made within what is left of the request's time.

    Raises OperationalError.
    """
    until = rooms.deadline()
    if until:
        # The driver takes whole seconds, two at least.
        named["connect_timeout"] = min(int(named.get("connect_timeout", CONNECT_SECONDS)), 2)
    try:
        return _limited(seconds).connect(*words, **named)
    except psycopg.OperationalError as failure:
        breaker.open(type(failure).__name__)
        raise


class Breaker:
    """Closed while the database answers; opened by whoever waited in vain, closed by a probe of its own thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._probe: Callable[[], object] | None = None
        self._open = False

    def guard(self, probe: Callable[[], object]) -> None:
        """From now on requests are refused while `probe`, asked again and again, raises. Before, nothing is refused."""
        self._probe = probe

    def check(self) -> None:
        """Raises Unavailable at once while the database does not answer."""
        if self._open and rooms.deadline():
            raise Unavailable("The server cannot answer right now.", "the database does not answer", retry_after=1)

    def open(self, why: str) -> None:
        """Somebody waited in vain."""
        with self._lock:
            if self._open or self._probe is None:
                return
            self._open = True
        threading.Thread(target=self._try_again, args=(self._probe, why), name="database-probe", daemon=True).start()

    def _try_again(self, probe: Callable[[], object], why: str) -> None:
        """Until it answers. Often it does at once: then somebody waited for another's lock, and nobody is told."""
        told = False
        while not _answers(probe):
            if not told:
                logs.event("database_away", level="warning", msg=why)
            told = True
            time.sleep(PROBE_SECONDS)
        self._open = False
        if told:
            logs.event("database_back")


def _answers(probe: Callable[[], object]) -> bool:
    try:
        with rooms.entered(PROBE):
            probe()
    except Exception:
        return False
    return True


breaker = Breaker()
