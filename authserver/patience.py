"""How long PostgreSQL is waited for, and a breaker for when it does not answer.

A server that is stopped, or whose packets are lost, ends no statement by itself: its own time-outs do not run. Whoever
waits here gives up by our clock, and the connection is thrown away. After that nobody waits again: requests are refused
at once until a probe got its answer.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import Any

from authserver.errors import Unavailable
from authserver.lib import rooms
from authserver.observability import logs

CONNECT_SECONDS = 3
# With less left of a request's time no connection is begun.
LEAST_SECONDS = 0.1
# While the database does not answer it is asked this often whether it does again.
PROBE_SECONDS = 0.3
# What PgBouncer says while it reaches no server. It takes connections itself, so that nobody fails to connect.
POOLER_HAS_NONE = "08P01"
PROBE = rooms.Room("probe", seconds=1.0)


def connector(seconds: float, opened: Callable[..., Any]) -> Callable[..., Any]:
    """What opens connections, by `opened` with the driver's own way to do it.

    Their every wait ends after so many seconds, or with the time of the request that waits. The driver is imported
    here: SQLite needs none.
    """
    import psycopg

    class Patient(psycopg.Connection[Any]):
        patience: float | None = seconds

        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            try:
                return super().wait(gen, interval, _left(timeout or self.patience))
            except psycopg.errors.OperationalError as error:
                if not self.closed and type(error).__name__ == "_WaitTimeout":
                    self.close()  # its answer may still come, and would be taken for the next one's
                    breaker.open("no answer in time")
                elif error.sqlstate == POOLER_HAS_NONE:
                    breaker.open("the pooler reaches no database")
                raise

    def connect(*arguments: Any, **named: Any) -> Any:
        if until := rooms.deadline():
            # Who waited in vain for an idle connection begins no second wait.
            if until - time.monotonic() < LEAST_SECONDS:
                breaker.open("no time is left")
                raise psycopg.OperationalError("no time is left to connect")
            # The driver takes whole seconds, two at least.
            named["connect_timeout"] = min(int(named.get("connect_timeout", CONNECT_SECONDS)), 2)
        try:
            return opened(functools.partial(Patient.connect, *arguments), **named)
        except psycopg.OperationalError as failure:
            breaker.open(type(failure).__name__)
            raise

    return connect


def _left(seconds: float | None) -> float | None:
    """So long, but not beyond what is left of a request's time."""
    until = rooms.deadline()
    if not until:
        return seconds
    left = max(0.001, until - time.monotonic())
    return left if seconds is None else min(left, seconds)


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
