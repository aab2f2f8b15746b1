"""Whether this process can work, found out beside the requests: one look at a time, at most one a second.

Whoever asks gets what was found last and waits for nothing; a look that does not come back is an answer, too.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from sqlalchemy import Connection, Engine

from authserver import config, database, engines
from authserver.domain.ground.background import Background
from authserver.domain.running import schema, write_probe
from authserver.domain.running.write_probe import NotWritable
from authserver.domain.signing import keys as signing_keys
from authserver.errors import DomainError, Unavailable
from authserver.observability import logs, metrics

TICK_SECONDS = 1.0
# Without anybody asking, and while all is well, a look every so often is enough.
ASKED_SECONDS = 30.0
IDLE_SECONDS = 5.0
# A look that takes longer has no good end.
PATIENCE_SECONDS = 3.0
FIRST_SECONDS = 1.0
OK, UNKNOWN = "ok", "not looked at"
NAMES = ("database", "migrations", "keys", "clock")
# Seconds between this node's clock and the database's: tokens of one node are refused by another beyond the second.
SKEW_SHOWN, SKEW_ENDURED = 5.0, 60.0
BOARD_BYTES = 2048
SKEWED = "This machine's clock and the database's are more than a minute apart."


@dataclass(frozen=True, slots=True)
class Standing:
    """Each check with `ok` or the sentence that says why not."""

    checks: Mapping[str, str]
    skew: float = field(default=0.0, compare=False)  # by how many seconds this node's clock runs ahead

    @property
    def ready(self) -> bool:
        """Whether all is well."""
        return all(said == OK for said in self.checks.values())


class Board(Protocol):
    """Some bytes that the processes of a server share: the reason that one of them said last; empty while all is well.

    No lock: a waiter that was killed would block it for ever, and in the worst case a line comes twice.
    """

    value: bytes


class Prober:
    """Looks, remembers what it saw, and says so once whenever that changes."""

    def __init__(self) -> None:
        self._looking, self._saying = threading.Lock(), threading.Lock()
        self._first = threading.Event()
        self._seen: Standing | None = None
        self._said: Standing | None = None
        self._began: float | None = None
        self._ended = self._asked = float("-inf")
        self._detail = ""
        self._apart: tuple[Engine, Engine] | None = None  # the pool's, and ours beside it

    def standing(self) -> Standing:
        """What is known now, without waiting for any database."""
        began, seen = self._began, self._seen
        overdue = began is not None and time.monotonic() - began > PATIENCE_SECONDS
        if seen is not None and not (overdue and seen.checks["database"] == OK):
            return seen
        return _without_database(write_probe.SILENT if overdue else UNKNOWN)

    def ask(self) -> Standing:
        """The same for somebody who wants to know: from now on it is looked every second."""
        self._asked = time.monotonic()
        self._first.wait(FIRST_SECONDS)  # only before the first look has ended
        return self.standing()

    def tick(self) -> None:
        """Begin a look in a thread of its own if one is due, and say what is known."""
        if self._began is None and self._is_due(time.monotonic()):
            threading.Thread(target=self.look, name="standing-look", daemon=True).start()
        self.say()

    def look(self) -> Standing:
        """Look now, in this thread."""
        with self._looking:
            self._began = time.monotonic()
            self._seen = seen = self._look()
            self._began, self._ended = None, time.monotonic()
        self._first.set()
        self.say()
        return seen

    def say(self) -> None:
        """A line in the log for a change, and the figure."""
        with self._saying:
            standing, before = self.standing(), self._said
            if standing == before or standing.checks["database"] == UNKNOWN:
                return
            self._said = standing
            metrics.DATABASE_WRITABLE.set(standing.checks["database"] == OK)
            metrics.READY.set(standing.ready)
            if (before is None and standing.ready) or not _is_news(standing):
                return
            if not standing.ready:
                wrong = {name: said for name, said in standing.checks.items() if said not in (OK, UNKNOWN)}
                logs.event("not_ready", level="warning", checks=wrong, msg=self._detail)
            else:
                logs.event("ready_again")

    def _is_due(self, now: float) -> bool:
        wanted = now - self._asked < ASKED_SECONDS or not (self._seen and self._seen.ready)
        return now - self._ended >= (TICK_SECONDS if wanted else IDLE_SECONDS) * 0.9

    def _look(self) -> Standing:
        checks, self._detail, skew = dict.fromkeys(NAMES, UNKNOWN), "", 0.0
        try:
            skew = self._look_at_database(checks)
            metrics.CLOCK_SKEW.set(skew)
            # SQLite's processes go by one line, on one machine: nobody disagrees, and an operator is told in time.
            fine = abs(skew) <= SKEW_ENDURED or database.dialect() == "sqlite"
            checks["clock"] = OK if fine else SKEWED
            if checks["migrations"] == OK:
                _look_at_keys(checks)
        except NotWritable as why:
            checks["database"] = str(why)
            if why.let_go:
                self._let_go()
        except Unavailable as why:  # the file of SQLite is another one
            checks["database"] = why.detail
        except Exception as failure:
            checks["database"] = write_probe.sentence(failure)
            self._detail = f"{type(failure).__name__}: {failure}"[:300]
        return Standing(MappingProxyType(checks), skew)

    def _look_at_database(self, checks: dict[str, str]) -> float:
        with self._connection() as connection:
            status = schema.status_on(connection)
            checks["migrations"] = OK if status.fits else status.sentence
            skew = (write_probe.write if status.fits else write_probe.require_writable)(connection)
        checks["database"] = OK
        if self._seen is not None and self._seen.checks["database"] != OK:
            database.let_go()  # sessions opened meanwhile may be read-only for as long as they live
        return skew

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Connection]:
        """One of our own beside the pool: a pool that is busy is no reason for not being ready."""
        if database.dialect() == "sqlite":
            with database.autocommit() as connection:
                yield connection
            return
        if self._apart is None or self._apart[0] is not database.engine():
            self._close()
            self._apart = database.engine(), engines.build_apart(config.current(), seconds=PATIENCE_SECONDS)
        with self._apart[1].connect() as connection:
            yield connection

    def _let_go(self) -> None:
        database.let_go()
        self._close()

    def _close(self) -> None:
        if self._apart is not None:
            self._apart[1].dispose()
            self._apart = None


def _is_news(standing: Standing) -> bool:
    """Whether no other process of this server has said the same."""
    said = b"" if standing.ready else repr(sorted(standing.checks.items())).encode()[: BOARD_BYTES - 1]
    if _board is None:
        return True
    if _board.value == said:
        return False
    _board.value = said
    return True


def _look_at_keys(checks: dict[str, str]) -> None:
    try:
        for alg in signing_keys.ALGS:
            signing_keys.signer(alg)
    except DomainError as why:
        checks["keys"] = why.public
    else:
        checks["keys"] = OK


def _without_database(said: str) -> Standing:
    return Standing(MappingProxyType(dict.fromkeys(NAMES, UNKNOWN) | {"database": said}))


def ask() -> Standing:
    """How this process stands; its own thread finds out, started here if it is not there yet."""
    _background.start()
    return _prober.ask()


def known() -> Standing:
    """What was found last, without looking."""
    return _prober.standing()


def look() -> Standing:
    """Look now, in this thread: for commands."""
    return _prober.look()


def share(board: Board) -> None:
    """Say with the other processes of a server what all of them find, once; `board` has BOARD_BYTES."""
    global _board
    _board = board


def watch() -> None:
    """Find out from now on, whether somebody asks or not."""
    _background.start()


def _watch_for_ever() -> None:
    while True:
        try:
            _prober.tick()
        except Exception as error:  # nothing ends this thread
            logs.failure("standing_failed", error)
        time.sleep(TICK_SECONDS)


def _after_fork() -> None:
    global _prober
    _prober = Prober()  # the parent's locks may be held by threads that are not here


_board: Board | None = None
_prober = Prober()
_background = Background("standing", _watch_for_ever)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
