"""Engines as this server wants them: how connections to PostgreSQL and to SQLite are made, kept and thrown away."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from authserver import commits, patience, poolers, sqlite_writing
from authserver.config import Settings
from authserver.errors import Unavailable
from authserver.lib import clock
from authserver.lib.watched_file import WatchedFile

# A full pool is a 503 after two seconds, not a pile of waiting threads.
POOL_SECONDS = 2
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
    return without_begin(_build_postgresql(settings, 1, 2, seconds))


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
    _note_what_stays(built)
    commits.look_up_lost(built)
    return built


def _note_what_stays(built: Engine) -> None:
    """A statement that is its own transaction may stay, whatever comes after it."""

    @event.listens_for(built, "before_cursor_execute")
    def note(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if _mode(connection) == "autocommit" and not statement.startswith("SELECT"):
            commits.note()


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
        if met_read_only(context.original_exception):
            context.is_disconnect = True


def met_read_only(error: BaseException) -> bool:
    return getattr(error, "sqlstate", None) == READ_ONLY


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


def _build_sqlite(settings: Settings, connections: int) -> Engine:
    file = Path(settings.sqlalchemy_url.removeprefix("sqlite:///"))
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.touch(mode=0o600, exist_ok=True)
    built = create_engine(
        settings.sqlalchemy_url,
        hide_parameters=True,  # of a failed statement: its error goes into the log, addresses and hashes do not
        connect_args={"check_same_thread": False, "factory": sqlite_writing.Connection},
        pool_size=max(settings.threads, 5, connections),  # a connection to a file costs little
        max_overflow=settings.threads * 3,
    )

    _require_same_file(built, WatchedFile(file))
    writer = sqlite_writing.Writer(file)

    @event.listens_for(built, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.writer = writer
        connection.isolation_level = None  # we say BEGIN ourselves
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={settings.db_synchronous}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA busy_timeout=0")  # we wait ourselves, see execute_in_turn

    @event.listens_for(built, "do_execute")
    def execute(cursor: Any, statement: str, parameters: Any, _context: Any) -> bool:
        sqlite_writing.execute_in_turn(cursor, statement, parameters)
        return True

    @event.listens_for(built, "begin")
    def begin_writing(connection: Connection) -> None:
        if _mode(connection) == "write":
            try:
                connection.connection.driver_connection.begin_writing()  # type: ignore[union-attr]  # one of our own
            except sqlite3.Error as error:
                raise DBAPIError.instance(
                    "BEGIN IMMEDIATE", None, error, sqlite3.Error, hide_parameters=True
                ) from error

    _begin_with(built, {"read": "BEGIN"})
    return built


def _require_same_file(built: Engine, watched: WatchedFile) -> None:
    """Refuse every use once the file was deleted, replaced or emptied: what is written then is written nowhere.

    Asked before connecting, too: SQLite would make the missing file anew.
    """

    def require(*_: Any) -> None:
        if trouble := watched.trouble():
            raise Unavailable("The server cannot answer right now.", trouble)

    event.listen(built, "do_connect", require)
    event.listen(built, "checkout", require)


def without_begin(engine: Engine) -> Engine:
    """The same engine for statements that are each their own transaction; both drivers are in autocommit."""
    return engine.execution_options(authserver_mode="autocommit")


def _begin_with(built: Engine, words: dict[str, str], completed: Callable[[str], str] = str) -> None:
    """Open transactions with the word for their mode; the mode `autocommit` has none."""

    @event.listens_for(built, "begin")
    def begin(connection: Connection) -> None:
        word = words.get(_mode(connection))
        if word:
            connection.exec_driver_sql(completed(word))


def _mode(connection: Connection) -> str:
    return str(connection.get_execution_options().get("authserver_mode", "write"))
