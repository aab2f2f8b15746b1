"""The database: one engine a process, three ways to use it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, PoolProxiedConnection, Select, select, text
from sqlalchemy.orm import DeclarativeBase, Session

from authserver import engines, patience
from authserver.lib import rooms

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

_UNHURRIED = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0", "lock_timeout": "60s"}
_joint: ContextVar[_Joint | None] = ContextVar("authserver_joint", default=None)
_rehearsing: ContextVar[bool] = ContextVar("authserver_rehearsing", default=False)
_engine: Engine | None = None
_autocommit: Engine | None = None


@dataclass(slots=True)
class _Joint:
    """A transaction that several share, and what is to be written last."""

    session: Session
    last: list[Callable[[], None]] = field(default_factory=list)
    failed: bool = False

    @contextlib.contextmanager
    def part(self) -> Iterator[Session]:
        try:
            yield self.session
            self.session.flush()
        except BaseException:
            self.failed = True
            raise

    def finish(self) -> None:
        if self.failed:
            raise RuntimeError("a part of this transaction failed, and was caught")
        for write in self.last:
            write()


def install(engine: Engine) -> None:
    """Make this the engine of the process."""
    global _engine, _autocommit
    _engine = engine
    _autocommit = engines.without_begin(engine)


def _after_fork() -> None:
    """Connections are the parent's: two that speak over one would read each other's answers."""
    if _engine is not None:
        _engine.dispose(close=False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def engine() -> Engine:
    """The engine installed at assembly."""
    if _engine is None:
        raise RuntimeError("no database is installed: create_app() or a command does it")
    return _engine


def dialect() -> str:
    """`sqlite` or `postgresql`."""
    return engine().dialect.name


def let_go() -> None:
    """Close what lies in the pool; what is in use is closed when it comes back."""
    engine().dispose()


def wait_for_ever(connection: Connection) -> None:
    """Take the limit of waiting from a connection that migrates, or waits for somebody else's lock."""
    if dialect() == "postgresql":
        connection.connection.driver_connection.patience = None  # type: ignore[union-attr]  # see patience.py


def without_hurry(connection: Connection) -> None:
    """Take all limits of time from a transaction that moves everything; a lock is waited for a minute."""
    if connection.dialect.name == "postgresql":
        connection.connection.driver_connection.patience = None  # type: ignore[union-attr]  # see patience.py
        for name, value in _UNHURRIED.items():
            connection.execute(text("SELECT set_config(:name, :value, true)"), {"name": name, "value": value})


def guard() -> None:
    """Refuse requests at once while PostgreSQL does not answer, until it does again: for whoever serves."""
    if dialect() == "postgresql":
        patience.breaker.guard(_probe)


def _probe() -> None:
    with engine().connect() as connection:  # not by `autocommit`, which the open breaker refuses
        connection.exec_driver_sql("SELECT 1")


def about_to_ask() -> None:
    """What precedes every use of the database. Raises Unavailable while it does not answer, Elsewhere on the loop."""
    rooms.about_to_ask_database()
    patience.breaker.check()


def is_lost(error: Exception, connection: PoolProxiedConnection) -> bool:
    """Whether this error of the driver says that its connection, and so those of the pool, are of no use any more."""
    lost = engine().dialect.is_disconnect(error, connection, None)  # type: ignore[arg-type]  # of the driver's own kind
    return lost or engines.met_read_only(error)


def insert(table: type[DeclarativeBase]) -> SqliteInsert | PostgresqlInsert:
    """INSERT that knows ON CONFLICT: each dialect has one of its own, imported here, since nobody needs both."""
    if dialect() == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as inserting

        return inserting(table)
    from sqlalchemy.dialects.postgresql import insert as inserting_elsewhere

    return inserting_elsewhere(table)


def free(chosen: Select[Any], *, key_share: bool = False) -> Select[Any]:
    """A choice with a limit, for `id IN (…)` of an UPDATE that leases rows: without those that others hold just now.

    As a plain subquery PostgreSQL may run it once for each row of the table, each time past what it locked before, and
    more is taken than the limit; in a WITH it runs once, whatever the plan.
    """
    if dialect() != "postgresql":
        return chosen
    return select(*chosen.with_for_update(skip_locked=True, key_share=key_share).cte("free").c)


@contextlib.contextmanager
def transaction() -> Iterator[Session]:
    """One transaction that writes: committed at the end of the block, rolled back by an exception.

    SQLite takes its write lock at once (BEGIN IMMEDIATE), so that no reader has to upgrade and fail; who writes stands
    in a queue and may share the commit of others (`sqlite_writing.py`).
    Rows stay readable afterwards. In a rehearsal it is always rolled back, after everything was checked.
    """
    about_to_ask()
    if (joint := _joint.get()) is not None:
        with joint.part() as session:
            yield session
        return
    with Session(engine(), expire_on_commit=False) as session, session.begin():
        yield session
        if _rehearsing.get():
            session.flush()
            session.expunge_all()
            session.rollback()


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Make the transactions of this block, of several verbs, one: all of it is written, or nothing.

    What they read sees what they wrote. A refusal ends the block; whoever catches one inside gets a RuntimeError.
    """
    if _joint.get() is not None:
        yield
        return
    with transaction() as session:
        joint = _Joint(session)
        token = _joint.set(joint)
        try:
            yield
        finally:
            _joint.reset(token)
        joint.finish()


def shared() -> Session | None:
    """The transaction that several verbs share here, if there is one."""
    joint = _joint.get()
    return None if joint is None else joint.session


def at_end(session: Session, write: Callable[[], None]) -> None:
    """Write this as the last of a transaction: now, or where several are one, after the last of them."""
    joint = _joint.get()
    if joint is not None and joint.session is session:
        joint.last.append(write)
    else:
        write()


@contextlib.contextmanager
def rehearsal() -> Iterator[None]:
    """Let the transactions of this block do and check everything, and keep nothing."""
    token = _rehearsing.set(True)
    try:
        yield
    finally:
        _rehearsing.reset(token)


@contextlib.contextmanager
def reading() -> Iterator[Session]:
    """One consistent view for reading; nothing is written."""
    about_to_ask()
    if (joint := _joint.get()) is not None and not joint.failed:
        yield joint.session
        return
    reader = engine().execution_options(authserver_mode="read")
    with Session(reader, expire_on_commit=False, autoflush=False) as session:
        yield session


@contextlib.contextmanager
def snapshot() -> Iterator[Session]:
    """One view of the database for many reads: what others commit meanwhile is not seen, on PostgreSQL either."""
    with reading() as session:
        if dialect() == "postgresql" and _joint.get() is None:
            session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        yield session


@contextlib.contextmanager
def autocommit() -> Iterator[Connection]:
    """A Core connection without BEGIN and COMMIT, for hot paths: each statement is its own transaction."""
    about_to_ask()
    if (joint := _joint.get()) is not None and not joint.failed:
        joint.session.flush()
        yield joint.session.connection()
        return
    if _autocommit is None:
        raise RuntimeError("no database is installed: create_app() or a command does it")
    with _autocommit.connect() as connection:
        yield connection


@contextlib.contextmanager
def writing() -> Iterator[Connection]:
    """A Core connection for single statements that write and need no transaction in common.

    Each is its own on PostgreSQL. SQLite writes all of the block or nothing, in the queue of those who write.
    """
    if dialect() == "postgresql" or _joint.get() is not None:
        with autocommit() as connection:
            yield connection
        return
    about_to_ask()
    with engine().begin() as connection:
        yield connection
