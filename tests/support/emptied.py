"""One database of each kind per process, emptied after every test: exactly what the migrations made, nothing more.

Making a database takes up to a tenth of a second on PostgreSQL; emptying one takes a few milliseconds.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import sqlite3
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Engine, event

from authserver import engines
from authserver.config import Settings
from tests.services import postgres
from tests.support import at_end, databases

ROOM = 256 * 1024 * 1024


class Emptied(ABC):
    """A database and a data folder that every test finds as the first one did, and the engines on the database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.folder = _new_folder()
        self._engines: dict[tuple[Any, ...], Engine] = {}

    def empty(self) -> None:
        """Undo whatever was done to them."""
        self._empty()
        for left in self.folder.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()

    @abstractmethod
    def _empty(self) -> None: ...

    def engine(self, settings: Settings) -> Engine:
        """The engine that these settings describe."""
        shape = settings.threads, settings.db_pool_size, settings.db_pooler, settings.db_synchronous
        if shape not in self._engines:
            self._engines[shape] = engines.build(settings)
        return self._engines[shape]

    def close(self) -> None:
        """Let go of it before the process ends."""
        self.disconnect()

    def disconnect(self) -> None:
        for each in self._engines.values():
            each.dispose()


@functools.cache
def database_of(kind: str) -> Emptied:
    """The one database of this kind, `sqlite` or `postgresql`, of this process."""
    return OnSqlite() if kind == "sqlite" else OnPostgresql()


def _new_folder() -> Path:
    """A folder that goes with the run; in memory where there is room, for nothing in it is kept."""
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM
    return at_end.folder("authserver-test-", inside=memory if has_room else None)


class OnSqlite(Emptied):
    """A file, overwritten page by page with the template's: open connections go on."""

    def __init__(self) -> None:
        self._file = _new_folder() / "test.sqlite3"
        super().__init__(f"sqlite:///{self._file}")
        self._template = sqlite3.connect(":memory:", check_same_thread=False)
        with contextlib.closing(sqlite3.connect(databases.sqlite_template())) as template:
            template.backup(self._template)
        self._connect()

    def engine(self, settings: Settings) -> Engine:
        built = super().engine(settings)
        if not event.contains(built, "connect", _do_not_wait_for_the_disk):
            event.listen(built, "connect", _do_not_wait_for_the_disk)
        return built

    def _empty(self) -> None:
        if not self._is_the_same_file():
            self._connect()  # a test put another one in its place
            return
        try:
            self._template.backup(self._connection, progress=_give_up_if_busy)
        except sqlite3.Error:  # somebody still writes, or it is none of ours any more
            self._connect()

    def _is_the_same_file(self) -> bool:
        return self._file.exists() and self._file.stat().st_ino == self._inode

    def _connect(self) -> None:
        """Begin with a new file, which the engines on the one before refuse to take for theirs."""
        self.disconnect()
        self._engines.clear()
        for each in self._file.parent.iterdir():
            each.unlink()
        shutil.copy(databases.sqlite_template(), self._file)
        self._connection = sqlite3.connect(self._file, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._inode = self._file.stat().st_ino


def _do_not_wait_for_the_disk(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")


def _give_up_if_busy(status: int, _remaining: int, _total: int) -> None:
    if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        raise sqlite3.OperationalError("the database is in use")


class OnPostgresql(Emptied):
    """A database with a function that deletes what was added, and puts back those first rows that were changed.

    It is written once, from the tables that are there. Triggers and foreign keys sleep meanwhile, which takes the
    rights of a superuser; on a server that we may use without them every test gets a new database.
    """

    def __init__(self) -> None:
        super().__init__("")
        self._begin()

    def _empty(self) -> None:
        try:
            self._connection.execute("SELECT kept.empty()")
        except psycopg.Error:  # somebody holds a lock, or a test changed the schema
            self.close()
            self._begin()

    def _begin(self) -> None:
        self.url = postgres.create_database(postgres.template("migrated", databases.build))
        self._connection = psycopg.connect(postgres.dsn(self.url), autocommit=True)
        self._connection.execute("SET lock_timeout = '1s'")
        _write_function(self._connection)

    def close(self) -> None:
        self.disconnect()
        self._engines.clear()
        self._connection.close()
        postgres.drop_database(self.url)


def _write_function(connection: psycopg.Connection[Any]) -> None:
    """Keep the rows that are there now, and write `kept.empty()`, which goes back to them."""
    connection.execute("CREATE SCHEMA kept")
    steps = [_step(connection, name) for name in _names(connection, "SELECT tablename FROM pg_tables")]
    sequences = _names(connection, "SELECT sequencename FROM pg_sequences")
    steps += [sql.SQL("ALTER SEQUENCE public.{} RESTART;").format(sql.Identifier(name)) for name in sequences]
    ((triggers,),) = connection.execute(_TRIGGERS).fetchall()
    connection.execute(
        sql.SQL(_FUNCTION).format(
            triggers=sql.SQL(_TRIGGERS), number=sql.Literal(triggers), steps=sql.SQL("\n").join(steps)
        )
    )


def _names(connection: psycopg.Connection[Any], query: Any) -> list[str]:
    return [name for (name,) in connection.execute(query + " WHERE schemaname = 'public'").fetchall()]


def _step(connection: psycopg.Connection[Any], name: str) -> sql.Composed:
    """The statement that takes one table back. Looking is cheaper than writing the same rows anew."""
    table = sql.Identifier(name)
    connection.execute(sql.SQL("CREATE TABLE kept.{0} AS TABLE public.{0}").format(table))
    digest = sql.SQL("(SELECT md5(string_agg(row::text, ' ' ORDER BY row::text)) FROM public.{} AS row)").format(table)
    ((before,),) = connection.execute(sql.SQL("SELECT {}").format(digest)).fetchall()
    if before is None:
        return sql.SQL("IF EXISTS (SELECT FROM public.{0}) THEN DELETE FROM public.{0}; END IF;").format(table)
    return sql.SQL(_BACK).format(table=table, now=digest, before=sql.Literal(before))


_BACK = """
  IF {now} IS DISTINCT FROM {before} THEN
    DELETE FROM public.{table};
    INSERT INTO public.{table} OVERRIDING SYSTEM VALUE TABLE kept.{table};
  END IF;
"""
_TRIGGERS = "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'O'"
_FUNCTION = """
CREATE FUNCTION kept.empty() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF ({triggers}) <> {number} THEN RAISE EXCEPTION 'a test dropped a trigger'; END IF;
  PERFORM set_config('session_replication_role', 'replica', true);
{steps}
END $$
"""
