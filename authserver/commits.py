"""What became of a COMMIT whose answer was lost, and work that is done again because nothing of it stayed (PostgreSQL).

A transaction that the server undid (a deadlock, a conflict, a lock that was not to be had), or whose connection was
lost before COMMIT was sent, left nothing: whoever did only that may do it again. Of a COMMIT that was sent and not
answered the server is asked by the transaction's number; nothing is repeated blindly.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from authserver.lib import secrets
from authserver.observability import logs

T = TypeVar("T")
# serialization_failure, deadlock_detected, lock_not_available: the server undid what it was asked.
UNDONE = frozenset({"40001", "40P01", "55P03"})
REPEATS = 3
# Later than this after the first try nobody waits for another one.
REPEATED_SECONDS = 4.0
LOOKED_UP_SECONDS = 3.0
_PAUSE = 0.02


# Its `count`: what this thread sent that may stay, since it began.
_sent = threading.local()


def note() -> None:
    """This thread sends something now that may stay whatever comes after it."""
    _sent.count = _count() + 1


def _take_back() -> None:
    _sent.count -= 1


def _count() -> int:
    return getattr(_sent, "count", 0)


def repeated(work: Callable[[], T]) -> T:
    """Do it, and again, at most three times more, while all that it did was undone. Raises what it raised last."""
    began, turn = time.monotonic(), 0
    while True:
        before = _count()
        try:
            return work()
        except DBAPIError as failure:
            turn += 1
            late = turn > REPEATS or time.monotonic() - began > REPEATED_SECONDS
            if late or _count() != before or not _left_nothing(failure):
                raise
            logs.event("transaction_repeated", level="warning", code=state(failure.orig), turn=turn)
        pause(turn)


def _left_nothing(failure: DBAPIError) -> bool:
    # Lost, and nothing that may stay was sent: the server undoes what it has not committed.
    return state(failure.orig) in UNDONE or failure.connection_invalidated


def state(error: BaseException | None) -> str:
    """PostgreSQL's code of an error (SQLSTATE); empty without one."""
    return getattr(error, "sqlstate", None) or ""


def pause(turn: int) -> None:
    """Before the next try: ever longer, and for each a little else, so that those who met do not meet again."""
    time.sleep(_PAUSE * turn * (0.5 + secrets.random_bytes(1)[0] / 255))


def look_up_lost(engine: Engine) -> None:
    """Have this engine ask what became of a COMMIT that got no answer: one that is there is no failure."""
    dialect: Any = engine.dialect
    send = dialect.do_commit

    def commit(connection: Any) -> None:
        number = _number(connection)
        if number is None:
            send(connection)
            return
        note()
        try:
            send(connection)
        except dialect.loaded_dbapi.Error as error:
            if state(error) in UNDONE:
                _take_back()
            if state(error) or not dialect.is_disconnect(error, connection, None):
                raise
            found = _outcome(engine, number)
            logs.event("commit_looked_up", level="warning", found=found)
            if found == "committed":
                return
            if found == "aborted":
                _take_back()
            raise

    dialect.do_commit = commit


def _number(connection: Any) -> str | None:
    """Of the transaction that this connection is in, if it wrote anything."""
    driver = connection.driver_connection
    if driver.info.transaction_status.name != "INTRANS":
        return None
    with driver.cursor() as cursor:
        (number,) = cursor.execute("SELECT pg_current_xact_id_if_assigned()::text").fetchone()
    return str(number) if number else None


def _outcome(engine: Engine, number: str) -> str:
    """committed, aborted, or `unknown` if nobody could say in time; asked over a connection of its own."""
    give_up = time.monotonic() + LOOKED_UP_SECONDS
    engine.dispose()  # the others are lost as well
    while time.monotonic() < give_up:
        try:
            found = _ask(engine, number)
        except Exception:  # the database may be back in time
            found = None
        if found in ("committed", "aborted"):
            return str(found)
        time.sleep(0.05)
    return "unknown"


def _ask(engine: Engine, number: str) -> str | None:
    with contextlib.closing(engine.raw_connection()) as connection, contextlib.closing(connection.cursor()) as cursor:
        cursor.execute("SELECT pg_xact_status(%s::xid8)", (number,))
        return cursor.fetchone()[0]  # type: ignore[index,no-any-return]  # one row, with `in progress` or NULL, too
