"""The database: one engine a process, three ways to use it."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, ExceptionContext, PoolProxiedConnection, create_engine, event, make_url, text
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry

from authserver import patience, poolers
from authserver.config import Settings
from authserver.errors import Unavailable
from authserver.lib import clock, rooms
from authserver.lib.watched_file import WatchedFile

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

# A full pool is a 503 after two seconds, not a pile of waiting threads.
POOL_SECONDS = 2
BUSY_TIMEOUT_SECONDS = 5
BUSY_NAP_SECONDS = 0.003
STATEMENT_TIMEOUT_MS = 5_000
# Beyond the server's own limit: whoever is still silent then does not run.
PATIENCE_SECONDS = STATEMENT_TIMEOUT_MS / 1000 + 3
# What the server itself ends, in milliseconds.
_LIMITS = {
    "statement_timeout": str(STATEMENT_TIMEOUT_MS),
    "lock_timeout": str(STATEMENT_TIMEOUT_MS),
    "idle_in_transaction_session_timeout": "30000",
    "timezone": "UTC",
}
READ_ONLY = "25006"  # PostgreSQL's read_only_sql_transaction
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


def build(settings: Settings, *, connections: int = 0) -> Engine:
    """An engine for these settings; SQLite's file and folder are made for this user alone.

    `connections` is how many are wanted at once: the pool opens as many, and twice what it keeps in any case.
    """
    if settings.sqlite:
        return _build_sqlite(settings, connections)
    kept = settings.db_pool_size
    return _build_postgresql(settings, kept, max(2 * kept, connections), PATIENCE_SECONDS)


def build_apart(settings: Settings, *, seconds: float) -> Engine:
    """PostgreSQL beside the pool, in autocommit: one connection that waits `seconds` for an answer."""
    return _without_begin(_build_postgresql(settings, 1, 2, seconds))


def _build_postgresql(settings: Settings, kept: int, most: int, seconds: float) -> Engine:
    built = create_engine(
        settings.sqlalchemy_url,
        isolation_level="AUTOCOMMIT",  # we say BEGIN ourselves, so that single statements need no change of mode
        hide_parameters=True,  # of a failed statement: its error goes into the log, addresses and hashes do not
        pool_size=kept,
        max_overflow=most - kept,
        pool_timeout=POOL_SECONDS,
        pool_recycle=1800,
        connect_args=_connect_args(settings),
    )
    pooler = poolers.Pooler(settings.db_pooler, _LIMITS, _own_options(settings))
    _end_waiting(built, seconds, pooler)
    _check_idle_connections(built)
    _let_go_of_read_only(built)
    _begin_with(built, {"write": "BEGIN", "read": "BEGIN"}, pooler.begin)
    return built


def _connect_args(settings: Settings) -> dict[str, Any]:
    """What every connection has; what the URL says of the same is heeded."""
    said = make_url(settings.sqlalchemy_url).query
    return {
        "connect_timeout": said.get("connect_timeout", patience.CONNECT_SECONDS),
        "prepare_threshold": 2,
        # A host that vanished sends no reset: what was sent and not acknowledged by then is lost (Linux; ms).
        "tcp_user_timeout": said.get("tcp_user_timeout", 10_000),
        "keepalives_idle": said.get("keepalives_idle", 10),
        "keepalives_interval": said.get("keepalives_interval", 3),
    }


def _own_options(settings: Settings) -> str:
    said = make_url(settings.sqlalchemy_url).query.get("options", "")
    return said if isinstance(said, str) else " ".join(said)


def let_go() -> None:
    """Close what lies in the pool; what is in use is closed when it comes back."""
    engine().dispose()


def wait_for_ever(connection: Connection) -> None:
    """Take the limit of waiting from a connection that migrates, or waits for somebody else's lock."""
    if dialect() == "postgresql":
        connection.connection.driver_connection.patience = None  # type: ignore[union-attr]  # see patience.py


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


def install(engine: Engine) -> None:
    """Make this the engine of the process."""
    global _engine, _autocommit
    _engine = engine
    _autocommit = _without_begin(engine)


def engine() -> Engine:
    """The engine installed at assembly."""
    if _engine is None:
        raise RuntimeError("no database is installed: create_app() or a command does it")
    return _engine


def dialect() -> str:
    """`sqlite` or `postgresql`."""
    return engine().dialect.name


def insert(table: type[DeclarativeBase]) -> SqliteInsert | PostgresqlInsert:
    """INSERT that knows ON CONFLICT: each dialect has one of its own, imported here, since nobody needs both."""
    if dialect() == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as inserting

        return inserting(table)
    from sqlalchemy.dialects.postgresql import insert as inserting_elsewhere

    return inserting_elsewhere(table)


@contextlib.contextmanager
def transaction() -> Iterator[Session]:
    """One transaction that writes: committed at the end of the block, rolled back by an exception.

    SQLite takes its write lock at once (BEGIN IMMEDIATE), so that no reader has to upgrade and fail.
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
        if dialect() == "postgresql":
            session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        yield session


@contextlib.contextmanager
def autocommit() -> Iterator[Connection]:
    """A Core connection without BEGIN and COMMIT, for hot paths: each statement is its own transaction."""
    about_to_ask()
    if _autocommit is None:
        raise RuntimeError("no database is installed: create_app() or a command does it")
    with _autocommit.connect() as connection:
        yield connection


def _end_waiting(built: Engine, seconds: float, pooler: poolers.Pooler) -> None:
    """A database that hangs (a stopped process, a stuck disk) ends a statement after so many seconds, too.

    The server's own statement_timeout needs a server that runs.
    """
    connected = patience.connector(seconds, pooler.open)

    @event.listens_for(built, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: Any, named: Any) -> Any:
        named.pop("options", None)  # the pooler's matter
        return connected(*arguments, **named)


def _let_go_of_read_only(built: Engine) -> None:
    """A statement that met a standby, or a session opened while writing was off, spoils every pooled connection."""

    @event.listens_for(built, "handle_error")
    def spoil(context: ExceptionContext) -> None:
        if _met_read_only(context.original_exception):
            context.is_disconnect = True


def _met_read_only(error: BaseException) -> bool:
    return getattr(error, "sqlstate", None) == READ_ONLY


def is_lost(error: Exception, connection: PoolProxiedConnection) -> bool:
    """Whether this error of the driver says that its connection, and so those of the pool, are of no use any more."""
    lost = engine().dialect.is_disconnect(error, connection, None)  # type: ignore[arg-type]  # of the driver's own kind
    return lost or _met_read_only(error)


def _check_idle_connections(built: Engine) -> None:
    """Ping a connection that lay idle for a second or more: a restarted database costs no request an error.

    SQLAlchemy's own pre-ping asks before every use, which a hot request need not pay for.
    """

    @event.listens_for(built, "checkin")
    def note(_connection: Any, record: ConnectionPoolEntry) -> None:
        record.info["idle_since"] = clock.now()

    @event.listens_for(built, "checkout")
    def ping(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        if clock.now() - record.info.get("idle_since", clock.now()) < 1:
            return
        try:
            built.dialect.do_ping(connection)
        except Exception as error:
            # The pool throws the connection away and tries the next one.
            raise DisconnectionError from error


def _require_same_file(built: Engine, watched: WatchedFile) -> None:
    """Refuse every use once the file was deleted, replaced or emptied: what is written then is written nowhere.

    Asked before connecting, too: SQLite would make the missing file anew.
    """

    def require(*_: Any) -> None:
        if trouble := watched.trouble():
            raise Unavailable("The server cannot answer right now.", trouble)

    event.listen(built, "do_connect", require)
    event.listen(built, "checkout", require)


def _without_begin(engine: Engine) -> Engine:
    """The same engine for statements that are each their own transaction; both drivers are in autocommit."""
    return engine.execution_options(authserver_mode="autocommit")


def execute_in_turn(cursor: sqlite3.Cursor, statement: str, parameters: Any) -> None:
    """Execute on SQLite, which has one writer at a time, and wait for the turn.

    SQLite's own waiting naps ever longer, up to 100 ms, so that newcomers pass whoever waits: with 16 writers some
    waited 5 s and failed. With naps of one length all have the same chance: 1 s, and twice the throughput.
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


def _begin_with(built: Engine, words: dict[str, str], completed: Callable[[str], str] = str) -> None:
    """Open transactions with the word for their mode; the mode `autocommit` has none."""

    @event.listens_for(built, "begin")
    def begin(connection: Connection) -> None:
        word = words.get(connection.get_execution_options().get("authserver_mode", "write"))
        if word:
            connection.exec_driver_sql(completed(word))


def _build_sqlite(settings: Settings, connections: int) -> Engine:
    file = Path(settings.sqlalchemy_url.removeprefix("sqlite:///"))
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.touch(mode=0o600, exist_ok=True)
    built = create_engine(
        settings.sqlalchemy_url,
        hide_parameters=True,  # of a failed statement: its error goes into the log, addresses and hashes do not
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        pool_size=max(settings.threads, 5, connections),  # a connection to a file costs little
        max_overflow=settings.threads * 3,
    )

    _require_same_file(built, WatchedFile(file))

    @event.listens_for(built, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={settings.db_synchronous}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA busy_timeout=0")  # we wait ourselves, see wait_for_turn

    @event.listens_for(built, "do_execute")
    def execute(cursor: Any, statement: str, parameters: Any, _context: Any) -> bool:
        execute_in_turn(cursor, statement, parameters)
        return True

    _begin_with(built, {"write": "BEGIN IMMEDIATE", "read": "BEGIN"})
    return built
