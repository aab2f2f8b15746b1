"""A backup in place of the database: everything is done and checked first, and takes its place in one step.

Killed at any moment it leaves the old database or the new one. PostgreSQL does all of it in one transaction; SQLite in
a file beside the database, which is then copied over it in one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from authserver import config
from authserver.cli import copies, opening
from authserver.config import Settings
from authserver.errors import BadSettings, Conflict

if TYPE_CHECKING:
    from sqlalchemy import Connection

# An archive sets limits of its own: none, not even for what waits for locks; one of them is new to PostgreSQL 17.
_NO_LIMITS = re.compile(r"^SET (lock|transaction)_timeout = 0;$", re.M)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and what was found."""

    check: str
    ok: bool
    detail: str


def plan(settings: Settings, file: Path) -> list[Finding]:
    """What a restore of this file would meet; nothing is changed, and nobody who serves is disturbed.

    Raises NotFound, or Conflict if it is no backup of this kind of database, or damaged.
    """
    copies.require_copy(settings, file)
    if not settings.sqlite:
        return list(_archive(settings, file))
    from authserver.domain.running import schema

    with _beside(settings, file) as scratch, opening.opened(scratch, any_schema=True):
        found = schema.status()
        if found.state == "behind":
            schema.migrate()
        return [_of_schema(found.state, found.revision), *[each for each in looked_at() if each.check != "version"]]


def bring_back(settings: Settings, file: Path, *, keep_tokens: bool = False) -> Mapping[str, Any]:
    """Replace the database. Returns how many rows each step touched, and `known`: whether the database before could be
    asked what had ended.

    Raises what `plan` does, and Conflict for what it would have found; then nothing has changed.
    """
    copies.require_copy(settings, file)
    if settings.sqlite:
        return _over_sqlite(settings, file, keep_tokens)
    return _over_postgresql(settings, file, keep_tokens)


# ---- SQLite ---------------------------------------------------------------------------------------------------


def _over_sqlite(settings: Settings, file: Path, keep_tokens: bool) -> Mapping[str, Any]:
    target = copies.sqlite_file(settings)
    known = _endings_of_sqlite(settings, keep_tokens)
    with _beside(settings, file) as scratch:
        with opening.opened(scratch, any_schema=True):
            done = _made_ours(known, keep_tokens)
        _put_over(copies.sqlite_file(scratch), target)
    _mark(settings)
    return done


def _endings_of_sqlite(settings: Settings, keep_tokens: bool) -> Any:
    from sqlalchemy.exc import DatabaseError, OperationalError

    from authserver.domain.running import recovery, schema

    try:
        with opening.opened(settings, any_schema=True):
            return recovery.endings(all_of_them=keep_tokens) if schema.status().state == "current" else None
    except OperationalError:
        raise  # it is only busy: without its endings what was revoked since would be good again
    except DatabaseError:
        return None  # what is there can be read no more, which may be why it is replaced


@contextlib.contextmanager
def _beside(settings: Settings, file: Path) -> Iterator[Settings]:
    """The copy in a file of its own beside the database, as an installation; gone afterwards."""
    target = copies.sqlite_file(settings)
    _require_room(target.parent, 2 * file.stat().st_size)
    with copies.scratch(target, ".restoring") as scratch:
        copies.copy_sqlite(file, scratch)
        yield dataclasses.replace(settings, database_url=f"sqlite:///{scratch}", migrate_database_url="")


def _require_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Conflict(f"{folder} has room for {free // 2**20} MB, and {needed // 2**20 + 1} are needed.")


def _put_over(scratch: Path, target: Path) -> None:
    """In one transaction of the target's; where that is no database any more, one file takes the other's place."""
    try:
        copies.copy_sqlite(scratch, target)
    except sqlite3.DatabaseError:
        copies.take_place(scratch, target)


def _mark(settings: Settings) -> None:
    from authserver.domain.running import schema

    with opening.opened(settings):
        schema.mark(schema.status())


# ---- PostgreSQL -----------------------------------------------------------------------------------------------


def _over_postgresql(settings: Settings, file: Path, keep_tokens: bool) -> Mapping[str, Any]:
    """All of it in one transaction of the schema's owner."""
    from authserver import database
    from authserver.domain.running import recovery, roles, schema

    with opening.opened(opening.as_owner(settings), any_schema=True), database.together():
        session = database.shared()
        assert session is not None  # noqa: S101  # the block above shares one
        connection = session.connection()
        current = schema.status_on(connection).state == "current"
        known = recovery.endings(all_of_them=keep_tokens) if current else None
        with _unhurried(connection), _explained():
            for piece in copies.pieces(file):
                _run(connection, piece)
        session.expire_all()
        done = _made_ours(known, keep_tokens, connection)
        roles.close()
        opening.grant_to_server(settings)
    return done


@contextlib.contextmanager
def _unhurried(connection: Connection) -> Iterator[None]:
    """Without our time limits; an archive's own settings, its empty search path too, end with the block."""
    from sqlalchemy import text

    from authserver import database

    path = connection.scalar(text("SHOW search_path"))
    database.without_hurry(connection)
    yield
    connection.execute(text("SELECT set_config('search_path', :path, false)"), {"path": path})


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """What PostgreSQL refuses of an archive is one sentence."""
    import psycopg

    try:
        yield
    except psycopg.errors.LockNotAvailable:
        raise Conflict("Somebody uses the tables: stop `serve` and `worker`. Nothing was changed.") from None
    except psycopg.Error as error:
        reason = str(error).splitlines()[0]
        raise Conflict(f"PostgreSQL refused it ({reason}). Nothing was changed.") from error


def _run(connection: Connection, piece: copies.Piece) -> None:
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        if not piece.columns:
            cursor.execute(_NO_LIMITS.sub("", piece.sql), prepare=False)
            return
        with cursor.copy(piece.sql) as copy:
            for row in piece.rows:
                copy.write(row)


def _archive(settings: Settings, file: Path) -> Iterator[Finding]:
    """An archive, read to its end: version, key, and how many rows there are."""
    from authserver.domain.running import revisions
    from authserver.domain.signing import keys as signing_keys

    revision, kids, rows, unopened = "", 0, 0, ""
    for piece in copies.pieces(file):
        for row in piece.rows:
            rows += 1
            values = dict(zip(piece.columns, row.rstrip("\n").split("\t"), strict=True))
            if piece.table == "alembic_version":
                revision = values["version_num"]
            if piece.table == "signing_keys" and values["removed_at"] == "\\N":
                kids += 1
                try:
                    with config.using(settings):
                        signing_keys.require_openable(
                            values["kid"], bytes.fromhex(values["private_sealed"].removeprefix("\\\\x"))
                        )
                except BadSettings as error:
                    unopened = error.problems[0]
    state = "current" if revision == revisions.newest() else "behind" if revision in revisions.known() else "ahead"
    yield _of_schema(state, revision)
    yield Finding("key", kids > 0 and not unopened, unopened or f"ours opens the {kids} signing keys in it")
    yield Finding("content", rows > 0, f"{rows} rows, read to the end")


# ---- both -----------------------------------------------------------------------------------------------------


def _made_ours(known: Any, keep_tokens: bool, connection: Connection | None = None) -> Mapping[str, Any]:
    """Bring what was restored to this version, check it, and end what must not come back; within an opened block."""
    from authserver.domain.running import recovery, schema
    from authserver.domain.signing import keys as signing_keys

    if _state(connection) == "behind":
        schema.migrate() if connection is None else schema.upgrade(connection)
    for each in looked_at(connection):
        if not each.ok:
            raise Conflict(f"{each.check}: {each.detail}. Nothing was changed.")
    done = {**recovery.after_restore(known, keep_tokens=keep_tokens), "known": known is not None}
    signing_keys.ensure()
    return done


def looked_at(connection: Connection | None = None) -> Iterator[Finding]:
    """Version, key and seals of an opened installation; on a connection, as it is within that transaction."""
    from authserver.domain.record import audit
    from authserver.domain.running import schema
    from authserver.domain.signing import keys as signing_keys

    status = schema.status() if connection is None else schema.status_on(connection)
    yield _of_schema(status.state, status.revision)
    if status.state != "current":
        return
    try:
        signing_keys.require_all_openable()
    except BadSettings as error:
        yield Finding("key", False, error.problems[0])
        return
    yield Finding("key", True, "ours opens the signing keys in it")
    found = audit.verify()
    yield Finding("seals", found.sound, found.problem or f"the audit log is whole, {found.checked} events")


def _state(connection: Connection | None) -> str:
    from authserver.domain.running import schema

    return (schema.status() if connection is None else schema.status_on(connection)).state


def _of_schema(state: str, revision: str) -> Finding:
    if state == "current":
        return Finding("version", True, f"the schema of this version ({revision})")
    if state == "behind":
        return Finding("version", True, f"an older schema ({revision}), which is migrated")
    return Finding("version", False, f"a schema ({revision or 'none'}) that this version does not know")
