"""The schema: made once in an empty database, migrated by command, compared at every start."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from authserver import assets, database
from authserver.domain.access import gateway_routes, permissions, scopes
from authserver.domain.ground import cache
from authserver.domain.record import audit
from authserver.domain.running import revisions
from authserver.domain.signing import keys as signing_keys
from authserver.errors import Unavailable
from authserver.lib.watched_file import Mark
from authserver.models import CacheVersion

# Waiting for another process to finish the same work; a first start takes about a second.
LOCK_SECONDS = 60
# Any number will do, as long as nothing else in the database locks it.
_ADVISORY_LOCK = 0x6175_7468
# Of the connection that holds the lock: it waits for it, and then for those who work.
_LIMITS_OF_WAITING = {
    "statement_timeout": f"{LOCK_SECONDS}s",
    "lock_timeout": f"{LOCK_SECONDS}s",
    "idle_in_transaction_session_timeout": "0",
}
_SENTENCES = {
    "current": "The schema is up to date.",
    "served": "The database has a newer schema, which serves this version, too.",
    "empty": "The database is empty: run `authserver migrate`.",
    "behind": "The database has an older schema: run `authserver migrate`.",
    "ahead": "The database has a newer schema than this version knows: install the version that migrated it.",
    "lost": "The database is empty, though an installation was in it: restore a backup with `authserver restore`."
    " If all of it may go, delete the file beside it whose name ends in .installed.",
    "unknown": "The database holds tables that are not ours: point database_url at an empty one.",
}


@dataclass(frozen=True, slots=True)
class Status:
    """`state` is empty, lost, current, served, behind, ahead or unknown; `revision` is what the database says."""

    state: str
    revision: str = ""

    @property
    def fits(self) -> bool:
        """Whether this version may work with it: it is its own, or a newer one that it was told to go on with."""
        return self.state in ("current", "served")

    @property
    def sentence(self) -> str:
        """What it means and what helps."""
        return _SENTENCES[self.state]


def status() -> Status:
    """Compare the database with the migrations of this version; Alembic is not needed for that."""
    with database.reading() as session:
        return status_on(session.connection())


def reachable() -> None:
    """One round trip; raises what the driver raises when the database does not answer."""
    with database.autocommit() as connection:
        connection.exec_driver_sql("SELECT 1")


def ensure() -> None:
    """Make schema, first rows and first keys in an empty database, once, however many processes start.

    Raises Unavailable if there is a schema and it is not this version's.
    """
    if status().state == "empty":
        with _alone():
            if status().state == "empty":
                _make_in_empty()
    found = status()
    if not found.fits:
        raise Unavailable(found.sentence)
    mark(found)
    cache.reset()
    signing_keys.ensure()


def _make_in_empty() -> None:
    try:
        _upgrade()
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", "") != "42501":  # insufficient_privilege
            raise
        raise Unavailable(
            "The database is empty, and this role may not make tables in it: run `authserver migrate` with"
            " AUTHSERVER_MIGRATE_DATABASE_URL as the schema's owner."
        ) from None


def mark(found: Status) -> None:
    """Remember beside a SQLite file that an installation is in it."""
    if database.dialect() == "sqlite" and found.state != "empty":
        Mark(_file()).set()


def _unmark() -> None:
    """Forget it: the schema is taken away on purpose."""
    if database.dialect() == "sqlite":
        Mark(_file()).clear()


def _file() -> Path:
    return Path(database.engine().url.database or "")


def migrate_if_behind() -> None:
    """What the demo does at every start; elsewhere migrating is a decision."""
    if status().state == "behind":
        migrate()


def migrate(down: str = "") -> Status:
    """Go to the newest schema, or down to a revision (`base` is none); returns where the database is then."""
    with _alone():
        if down:
            _downgrade(down)
            _unmark()
        elif status().state in ("empty", "behind", "current"):
            _upgrade()
        found = status()
        mark(found)
    return found


def seed(session: Session) -> None:
    """The rows that the code relies on; those that exist stay as they are."""
    audit.seed(session)
    present = set(session.scalars(select(CacheVersion.name)))
    session.add_all(CacheVersion(name=name, version=1) for name in cache.NAMES if name not in present)
    session.flush()
    scopes.seed(session)
    gateway_routes.require_free_names(session)
    permissions.seed(session)
    session.flush()


def status_on(connection: Connection) -> Status:
    """The same, asked on this connection."""
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" not in tables:
        return Status("unknown") if tables else _empty(connection)
    revision = connection.scalar(text("SELECT version_num FROM alembic_version")) or ""
    if not revision:
        return Status("empty")
    if revision == revisions.newest():
        return Status("current", revision)
    if revision in revisions.known():
        return Status("behind", revision)
    return Status("served" if _oldest_served(connection) in revisions.known() else "ahead", revision)


def _oldest_served(connection: Connection) -> str:
    """What a version that is newer than this one wrote beside its revision."""
    columns = {column["name"] for column in inspect(connection).get_columns("alembic_version")}
    return connection.scalar(text("SELECT serves FROM alembic_version")) or "" if "serves" in columns else ""


def _empty(connection: Connection) -> Status:
    marked = connection.dialect.name == "sqlite" and Mark(_file()).is_set()
    return Status("lost" if marked else "empty")


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Keep every other process, on any node, out of the block."""
    with _alone_on_postgresql() if database.dialect() == "postgresql" else _alone_on_sqlite():
        yield


@contextlib.contextmanager
def _alone_on_postgresql() -> Iterator[None]:
    with database.autocommit() as connection:
        database.wait_for_ever(connection)
        connection.exec_driver_sql("BEGIN")  # a lock of the transaction: a pooler keeps no session for us
        for limit, value in _LIMITS_OF_WAITING.items():
            connection.execute(text("SELECT set_config(:limit, :value, true)"), {"limit": limit, "value": value})
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
        try:
            yield
        finally:
            connection.invalidate()  # its end releases the lock


@contextlib.contextmanager
def _alone_on_sqlite() -> Iterator[None]:
    try:
        import fcntl
    except ImportError:  # Windows: BEGIN IMMEDIATE alone has to do
        yield
        return
    file = _file().with_suffix(".lock")
    with file.open("w") as lock:
        file.chmod(0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def upgrade(connection: Connection) -> None:
    """To the newest revision, with the rows that the code relies on, in the transaction of whoever asks."""
    from alembic import command

    command.upgrade(_alembic(connection), "head")
    connection.execute(text("UPDATE alembic_version SET serves = :oldest"), {"oldest": revisions.serves()})
    # The session joins the connection's transaction and leaves its end to us.
    with Session(connection, join_transaction_mode="rollback_only") as session:
        seed(session)


def _upgrade() -> None:
    """The same in a transaction of its own: both or neither."""
    with _migrating() as connection:
        upgrade(connection)


def _downgrade(revision: str) -> None:
    from alembic import command

    with _migrating() as connection:
        command.downgrade(_alembic(connection), revision)


def _alembic(connection: Connection) -> Any:
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(assets.assets() / "migrations").replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    settings.attributes["connection"] = connection
    return settings


@contextlib.contextmanager
def _migrating() -> Iterator[Connection]:
    """One connection in one transaction, without our short time limits."""
    with database.autocommit() as connection:
        database.wait_for_ever(connection)
        _begin(connection)
        try:
            yield connection
            if database.dialect() == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").all():
                raise Unavailable("The migration would break references between rows; nothing was changed.")
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        finally:
            connection.invalidate()  # its pragmas and limits are not for others


def _begin(connection: Connection) -> None:
    if database.dialect() == "sqlite":
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")  # a table made anew must not take its children along
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    connection.exec_driver_sql("BEGIN")
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
