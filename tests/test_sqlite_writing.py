"""One writer at a time on SQLite: who shares a commit, and what becomes of each of them."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from authserver import database, sqlite_writing
from authserver.lib import turns
from authserver.models import UsageCount
from tests.support.emptied import Emptied

Written = Callable[[str], None]


@pytest.fixture
def emptied_database(request: pytest.FixtureRequest) -> Iterator[Emptied]:
    from tests.support import emptied

    found = emptied.database_of("sqlite")
    yield found
    found.empty()


@pytest.fixture(autouse=True)
def _takes_its_time(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's threads may be slow; how many share is then still decided by who waits."""
    monkeypatch.setattr(sqlite_writing, "SHARING_SECONDS", 60)


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was said to SQLite about transactions."""
    said: list[str] = []
    execute = sqlite_writing._Commit.execute

    def note(commit: Any, statement: str) -> None:
        said.append(statement)
        execute(commit, statement)

    monkeypatch.setattr(sqlite_writing._Commit, "execute", note)
    return said


def write(name: str) -> None:
    with database.transaction() as session:
        session.add(UsageCount(hour=0, metric="test", subject=name, count=1))
        session.flush()


def there() -> set[str]:
    with database.reading() as session:
        return set(session.scalars(select(UsageCount.subject).where(UsageCount.metric == "test")))


class Line:
    """Writers that came while the first one wrote: they do their work in turn, and all end with one commit."""

    def __init__(self, *works: Callable[[], None]) -> None:
        self._pool = ThreadPoolExecutor(len(works))
        first, *others = works
        begun, go_on = threading.Event(), threading.Event()

        def lead() -> None:
            with database.transaction() as session:
                session.execute(text("SELECT 1"))
                begun.set()
                go_on.wait(20)
                session.add(UsageCount(hour=0, metric="test", subject="first", count=1))
                session.flush()
                first()

        self.ends: list[Future[None]] = [self._pool.submit(lead)]
        begun.wait(20)
        for number, each in enumerate(others, 1):
            self.ends.append(self._pool.submit(each))
            until(lambda wanted=number: len(queue()) == wanted)  # type: ignore[misc]
        go_on.set()

    def errors(self) -> list[type[BaseException] | None]:
        failed = [each.exception(20) for each in self.ends]
        self._pool.shutdown()
        return [type(each) if each else None for each in failed]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def writer() -> sqlite_writing.Writer:
    with database.engine().connect() as connection:
        found: sqlite_writing.Writer = connection.connection.driver_connection.writer  # type: ignore[union-attr]
    return found


def queue() -> Any:
    return writer()._queue


def nothing() -> None:
    """The first one writes its row and nothing else."""


def writes(name: str) -> Callable[[], None]:
    return lambda: write(name)


def fails(name: str) -> Callable[[], None]:
    def work() -> None:
        with database.transaction() as session:
            session.add(UsageCount(hour=0, metric="test", subject=name, count=1))
            session.flush()
            raise ValueError(name)

    return work


def test_writers_who_waited_share_one_commit(commits: list[str]) -> None:
    assert Line(nothing, writes("a"), writes("b"), writes("c")).errors() == [None] * 4
    assert commits.count("COMMIT") == 1
    assert there() == {"first", "a", "b", "c"}


def test_no_more_share_one_than_may(commits: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_writing, "MOST_SHARING", 2)
    assert Line(nothing, writes("a"), writes("b"), writes("c")).errors() == [None] * 4
    assert commits.count("COMMIT") == 2


def test_who_is_done_waits_for_no_latecomer(commits: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_writing, "SHARING_SECONDS", 0)
    assert Line(nothing, writes("a"), writes("b")).errors() == [None] * 3
    assert commits.count("COMMIT") == 3


def test_one_that_fails_takes_nothing_of_its_neighbours_along() -> None:
    assert Line(nothing, writes("a"), fails("b"), writes("c")).errors() == [None, None, ValueError, None]
    assert there() == {"first", "a", "c"}


def test_a_statement_that_is_refused_takes_nothing_of_its_neighbours_along() -> None:
    """A flush that fails rolls back by itself, and what it rolls back is its own."""
    from sqlalchemy.exc import IntegrityError

    assert Line(nothing, writes("a"), writes("a"), writes("c")).errors() == [None, None, IntegrityError, None]
    assert there() == {"first", "a", "c"}


def test_the_first_that_fails_leaves_the_others_a_commit_of_their_own(commits: list[str]) -> None:
    def fail() -> None:
        raise ValueError

    assert Line(fail, writes("a"), writes("b")).errors() == [ValueError, None, None]
    assert there() == {"a", "b"}
    assert commits.count("COMMIT") == 1


def test_a_commit_that_fails_is_told_to_everybody_who_shares_it(monkeypatch: pytest.MonkeyPatch) -> None:
    execute = sqlite_writing._Commit.execute

    def full(commit: Any, statement: str) -> None:
        if statement == "COMMIT":
            raise sqlite3.OperationalError("database or disk is full")
        execute(commit, statement)

    with monkeypatch.context() as broken:
        broken.setattr(sqlite_writing._Commit, "execute", full)
        assert Line(nothing, writes("a"), fails("b"), writes("c")).errors() == [OperationalError] * 4
    assert there() == set()
    write("after")
    assert there() == {"after"}


def test_a_transaction_that_sqlite_ended_is_told_to_everybody_who_shares_it() -> None:
    """A full disk ends the whole transaction, whatever was written behind savepoints."""

    def ended() -> None:
        with database.transaction() as session:
            session.add(UsageCount(hour=0, metric="test", subject="ended", count=1))
            session.flush()
            session.execute(text("ROLLBACK"))

    assert Line(nothing, writes("a"), ended, writes("c")).errors() == [OperationalError] * 3 + [None]
    assert there() == {"c"}


def test_nothing_is_written_into_a_transaction_that_sqlite_ended_with_the_first_one() -> None:
    def ended() -> None:
        job = writer()._job
        assert job is not None
        job.commit.connection.execute("ROLLBACK")

    assert Line(ended, writes("a")).errors() == [OperationalError, None]
    assert there() == {"a"}


def test_nobody_is_told_and_nothing_is_seen_before_the_commit() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with database.transaction() as session:
            session.execute(text("SELECT 1"))
            begun.set()
            go_on.wait(20)

    line = Line(nothing, writes("a"), slow)
    begun.wait(20)
    assert not any(each.done() for each in line.ends)
    assert there() == set()
    go_on.set()
    assert line.errors() == [None] * 3
    assert there() == {"first", "a"}


def test_what_happens_after_a_commit_happens_after_the_shared_one() -> None:
    from sqlalchemy import event

    seen: list[set[str]] = []

    def work() -> None:
        with database.transaction() as session:
            session.add(UsageCount(hour=0, metric="test", subject="a", count=1))
            event.listen(session, "after_commit", lambda _session: seen.append(there()))

    assert Line(nothing, work, writes("b")).errors() == [None] * 3
    assert seen == [{"first", "a", "b"}]


def test_who_waits_too_long_is_refused_and_stands_in_nobodys_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_writing, "BUSY_TIMEOUT_SECONDS", 0.1)
    with database.transaction() as session, ThreadPoolExecutor(1) as pool:
        session.execute(text("SELECT 1"))
        with pytest.raises(OperationalError, match="locked"):
            pool.submit(write, "late").result(20)
    write("after")
    assert there() == {"after"}


def test_a_transaction_within_another_is_a_fault_that_shows_at_once() -> None:
    with database.transaction() as session:
        session.execute(text("SELECT 1"))
        with pytest.raises(RuntimeError, match="within another"):
            write("inner")
    write("after")


def test_statements_without_a_transaction_share_commits_too(commits: list[str]) -> None:
    def alone() -> None:
        with database.writing() as connection:
            connection.execute(text("INSERT INTO usage_counts VALUES (0, 'test', 'alone', 1, 0)"))

    assert Line(nothing, alone, writes("b")).errors() == [None] * 3
    assert commits.count("COMMIT") == 1
    assert there() == {"first", "alone", "b"}


def test_where_file_locks_do_not_work_it_is_said_and_written(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []
    monkeypatch.setattr(sqlite_writing.logs, "event", lambda name, **_: told.append(name))
    monkeypatch.setattr(turns.fcntl, "flock", lambda *_: None)
    monkeypatch.setattr(writer(), "_looked", False)
    monkeypatch.setattr(writer(), "_turns", None)
    write("a")
    write("b")
    assert told == ["sqlite_without_turns"]
    assert there() == {"a", "b"}
