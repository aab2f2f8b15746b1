"""Writing to SQLite: one writer at a time in a queue, whose commits are shared by those who waited (decision 17).

SQLite has one writer, and a commit waits for the disk. Threads of a process write one after the other into one open
transaction, each behind a savepoint of its own, and all wait for its one commit. Processes take turns by a file lock.
"""

from __future__ import annotations

import contextlib
import copy
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from authserver.lib.turns import Turns, are_kept
from authserver.observability import logs

BUSY_TIMEOUT_SECONDS = 5
BUSY_NAP_SECONDS = 0.003
# So many share a commit at most, and none joins one that was begun longer ago: whoever is done wants to be told.
MOST_SHARING = 32
SHARING_SECONDS = 0.02


def execute_in_turn(cursor: sqlite3.Cursor, statement: str, parameters: Any = ()) -> None:
    """Execute, and wait while somebody writes who stands in no queue: another program, or an older version.

    SQLite's own waiting naps ever longer, up to 100 ms, so that newcomers pass whoever waits; with naps of one length
    all have the same chance.
    """
    give_up = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            cursor.execute(statement, parameters)
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(BUSY_NAP_SECONDS)


class _Commit:
    """A transaction that several jobs share, on the first one's connection; `done` once it is on the disk or failed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.jobs = 1
        self.done = threading.Event()
        self.failure: BaseException | None = None
        self._began = time.monotonic()

    @property
    def takes_more(self) -> bool:
        return self.jobs < MOST_SHARING and time.monotonic() - self._began < SHARING_SECONDS

    def execute(self, statement: str) -> None:
        self.connection.execute(statement).close()

    def wait(self) -> None:
        """Until it is on the disk; raises what its end raised. No signal ends this: the connection is lent."""
        interrupted: BaseException | None = None
        while not self.done.is_set():
            try:
                self.done.wait()
            except BaseException as signal:
                interrupted = signal
        if interrupted is not None:
            raise interrupted
        if self.failure is not None:
            raise copy.copy(self.failure)  # each thread has its own, with its own traceback


class _Job:
    """What one writes: all of a commit if it is the first, else behind a savepoint."""

    def __init__(self, commit: _Commit, *, first: bool) -> None:
        self.commit, self.first = commit, first
        self.thread = threading.get_ident()


class Writer:
    """The queue of a process for one database file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._turns: Turns | None = None
        self._open: _Commit | None = None
        self._job: _Job | None = None
        self._inherited: _Commit | None = None
        self._begin_anew()

    def begin(self, connection: sqlite3.Connection) -> _Job:
        """Wait for the turn and begin to write. Raises sqlite3.OperationalError (busy) if it does not come in time."""
        if self._pid != os.getpid():
            self._begin_anew()
        until = time.monotonic() + BUSY_TIMEOUT_SECONDS
        self._stand_in_queue(until)
        try:
            if self._open is None:
                job = _Job(self._begin(connection, until), first=True)
            else:
                self._open.execute("SAVEPOINT job")
                self._open.jobs += 1
                job = _Job(self._open, first=False)
        except BaseException as failure:
            if self._open is None:
                self._hand_over()
            else:
                self._open.failure = failure
                self._end(self._open, "ROLLBACK")
            raise
        self._job = job
        return job

    def keep(self, job: _Job) -> None:
        """What the job wrote is to stay: returns once it is on the disk. Raises what kept it from there."""
        if not job.commit.connection.in_transaction:
            job.commit.failure = sqlite3.OperationalError("SQLite ended the transaction before its commit")
        elif not job.first:
            try:
                job.commit.execute("RELEASE job")
            except BaseException:
                self.undo(job)
                raise
        self._leave(job.commit)

    def undo(self, job: _Job) -> None:
        """What the job wrote goes, and nothing that others wrote; returns when what it may have read of them stays."""
        if job.first:
            self._end(job.commit, "ROLLBACK")
            return
        try:
            job.commit.execute("ROLLBACK TO job")
            job.commit.execute("RELEASE job")
        except sqlite3.Error as failure:  # a full disk may have ended the whole transaction
            job.commit.failure = failure
        self._leave(job.commit)

    def _begin_anew(self) -> None:
        """In a new process too: what a parent holds is the parent's, and closed here it ends nothing there."""
        if self._turns is not None:
            self._turns.close()
        # A connection of the parent stays as it is: closed here, the parent's locks would be gone.
        self._inherited = self._open
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._queue: deque[threading.Event] = deque()
        self._busy = self._looked = False
        self._open = self._job = self._turns = None

    def _stand_in_queue(self, until: float) -> None:
        with self._lock:
            if not self._busy:
                self._busy = True
                return
            if self._job is not None and self._job.thread == threading.get_ident():
                raise RuntimeError("this thread writes already: a transaction within another waits for itself")
            turn = threading.Event()
            self._queue.append(turn)
        try:
            came = turn.wait(until - time.monotonic())
        except BaseException:
            if not self._gave_up(turn):
                self._pass_on()
            raise
        if not came and self._gave_up(turn):
            raise _busy()

    def _gave_up(self, turn: threading.Event) -> bool:
        """False if the turn came in the same instant."""
        with self._lock:
            waits = turn in self._queue
            if waits:
                self._queue.remove(turn)
        return waits

    def _pass_on(self) -> None:
        """A turn that came to one who does not want it any more."""
        if self._open is None:
            self._hand_over()
        else:
            self._leave(self._open)

    def _begin(self, connection: sqlite3.Connection, until: float) -> _Commit:
        turns = self._turns_of_processes()
        if turns is not None and not turns.take(until - time.monotonic()):
            raise _busy()
        try:
            with contextlib.closing(sqlite3.Connection.cursor(connection)) as cursor:
                execute_in_turn(cursor, "BEGIN IMMEDIATE")
        except BaseException:
            if turns is not None:
                turns.give()
            raise
        return _Commit(connection)

    def _turns_of_processes(self) -> Turns | None:
        if not self._looked:
            self._looked = True
            if are_kept(self._file):
                self._turns = Turns(self._file)
            else:
                logs.event("sqlite_without_turns", level="warning", msg="file locks do not work beside the database")
        return self._turns

    def _leave(self, commit: _Commit) -> None:
        """Hand the open transaction to who waits, or end it; either way until it is on the disk."""
        with self._lock:
            self._job = None
            following = self._queue.popleft() if self._queue and commit.takes_more and not commit.failure else None
            self._open = commit if following else None
        if following is None:
            self._end(commit, "COMMIT")
        else:
            following.set()
        commit.wait()

    def _end(self, commit: _Commit, how: str) -> None:
        try:
            if commit.failure is None:
                commit.execute(how)
        except sqlite3.Error as failure:
            if how == "COMMIT":
                commit.failure = failure
        finally:
            with contextlib.suppress(sqlite3.Error):
                if commit.connection.in_transaction:
                    commit.execute("ROLLBACK")
            if self._turns is not None:
                self._turns.give()
            commit.done.set()
            self._hand_over()

    def _hand_over(self) -> None:
        """Whoever waits is next, and begins anew; else the place is free."""
        with self._lock:
            self._job = self._open = None
            following = self._queue.popleft() if self._queue else None
            self._busy = following is not None
        if following is not None:
            following.set()


def _busy() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    error.sqlite_errorname = "SQLITE_BUSY"
    return error


class Connection(sqlite3.Connection):
    """A connection whose transactions that write stand in the queue and share commits; else as any other."""

    writer: Writer | None = None
    _job: _Job | None = None

    def begin_writing(self) -> None:
        """BEGIN IMMEDIATE, in turn."""
        if self.writer is None:
            raise RuntimeError("no queue to stand in")
        self._job = self.writer.begin(self)

    def cursor(self, *given: Any, **named: Any) -> Any:
        """On the connection that this one writes over, while it does."""
        connection = self if self._job is None else self._job.commit.connection
        return sqlite3.Connection.cursor(connection, *given, **named)

    def commit(self) -> None:
        """Returns once it is on the disk."""
        self._finish(Writer.keep, super().commit)

    def rollback(self) -> None:
        self._finish(Writer.undo, super().rollback)

    def close(self) -> None:
        if self._job is not None:
            self.rollback()
        super().close()

    def _finish(self, how: Callable[[Writer, _Job], None], otherwise: Callable[[], None]) -> None:
        job, self._job = self._job, None
        if job is None or self.writer is None:
            otherwise()
        else:
            how(self.writer, job)
