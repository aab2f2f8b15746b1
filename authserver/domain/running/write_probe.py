"""The proof that the database can be written: a row of its own, and what keeps it from being written."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from authserver.domain.ground import timekeeping
from authserver.lib import clock

# Below this a checkpoint of SQLite's log may fail, though the next row still fits into what it has.
MIN_FREE = 4_000_000  # bytes
SILENT = "The database does not answer."
STANDBY = "The database is a standby: it can be read and not written."
READ_ONLY = "The database is read-only: something set default_transaction_read_only."
DISK_FULL = "The database's disk is full."
# By PostgreSQL's SQLSTATE, appendix A of its documentation.
_POSTGRESQL = {
    "25006": READ_ONLY,
    "53100": DISK_FULL,
    "53300": "The database takes no more connections.",
    "57P03": "The database is starting or stopping.",
    "28P01": "The database refuses the role or its password.",
    "28000": "The database refuses the role or its password.",
    "3D000": "There is no such database.",
    "42501": "The role may not write: run `authserver migrate` as the schema's owner.",
}
# By SQLite's primary result code.
_SQLITE = {
    sqlite3.SQLITE_FULL: DISK_FULL,
    sqlite3.SQLITE_READONLY: "The database file, or its disk, is read-only.",
    sqlite3.SQLITE_IOERR: "The database's disk fails.",
    sqlite3.SQLITE_BUSY: "Another process keeps the database locked.",
    sqlite3.SQLITE_CORRUPT: "The database file is damaged.",
    sqlite3.SQLITE_NOTADB: "The database file is damaged.",
    sqlite3.SQLITE_CANTOPEN: "The database file cannot be opened.",
}
_WRITE = text(
    "INSERT INTO write_probes (id, written_us) VALUES (1, :now)"
    " ON CONFLICT (id) DO UPDATE SET written_us = excluded.written_us"
)
_STATE = f"SELECT pg_is_in_recovery(), current_setting('transaction_read_only'), {timekeeping.TIME}"


class NotWritable(Exception):
    """The database cannot be written; the sentence that an operator reads. `let_go`: its connections are no good."""

    def __init__(self, sentence: str, *, let_go: bool = False) -> None:
        super().__init__(sentence)
        self.let_go = let_go


def write(connection: Connection) -> float:
    """Write the row, in autocommit; answers the skew. Raises NotWritable, or what the driver raises: see `sentence`."""
    skew = require_writable(connection)
    connection.execute(_WRITE, {"now": clock.now_us()})
    timekeeping.keep(connection)
    return skew if connection.dialect.name != "sqlite" else _apart()


def require_writable(connection: Connection) -> float:
    """What can be known without writing, for a schema that is not ours. Raises NotWritable.

    Answers by how many seconds this machine's clock runs ahead of the database's, which this process goes by.
    """
    if connection.dialect.name == "sqlite":
        _require_room(Path(connection.engine.url.database or "").absolute().parent)
        return _apart()
    asked = clock.wall_us()
    standby, read_only, theirs_us = connection.exec_driver_sql(_STATE).one()
    ours_us = (asked + clock.wall_us()) / 2
    if standby:
        raise NotWritable(STANDBY, let_go=True)
    if read_only == "on":
        raise NotWritable(READ_ONLY, let_go=True)
    return (ours_us - int(theirs_us)) / 1_000_000


def _apart() -> float:
    """On SQLite: this machine's clock beside what its processes go by."""
    return (clock.wall_us() - clock.now_us()) / 1_000_000 if clock.is_held() else 0.0


def sentence(failure: Exception) -> str:
    """What an operator reads of a driver's exception: nothing of where the database is."""
    original = failure.orig if isinstance(failure, DBAPIError) else failure
    if isinstance(original, sqlite3.Error):
        return _SQLITE.get(getattr(original, "sqlite_errorcode", 0) & 0xFF, SILENT)
    return _POSTGRESQL.get(getattr(original, "sqlstate", None) or "", SILENT)


def _require_room(folder: Path) -> None:
    if shutil.disk_usage(folder).free < MIN_FREE:
        raise NotWritable(DISK_FULL)
