"""What changed, as every node reads it: a number for each kind of row, and of the last changes which rows they were.

The row of a kind's number is held until its change commits, so that numbers are in the order of their commits and none
is missing. A number without rows is a change of anything: also that of a node of an older version.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, literal_column, select, update
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.ground import timekeeping
from authserver.lib import clock
from authserver.models import CacheChange, CacheVersion

# So many changes of a kind keep their rows; whoever missed more forgets everything.
KEPT = 1000
# A change of more rows is one of anything.
MOST_KEYS = 100
# Numbers of a restored database and of the one before it are never taken for each other.
APART = 1_000_000


@dataclass(frozen=True, slots=True)
class Change:
    """The number that a kind has now, and the keys of what changed since it was last read; None is anything."""

    version: int
    keys: frozenset[str] | None


_VERSIONS = select(CacheVersion.name, CacheVersion.version)
# With the time, where the database has one (`timekeeping`): it costs no statement of its own.
_VERSIONS_AND_TIME = _VERSIONS.add_columns(literal_column(timekeeping.TIME).label("at_us"))
_RAISED = (
    update(CacheVersion)
    .where(CacheVersion.name == bindparam("kind"))
    .values(version=CacheVersion.version + 1)
    .returning(CacheVersion.version)
)
_ROWS = insert(CacheChange)
_OLD = delete(CacheChange).where(CacheChange.name == bindparam("kind"), CacheChange.version <= bindparam("old"))
_SINCE = select(CacheChange.version, CacheChange.key).where(
    CacheChange.name == bindparam("kind"),
    CacheChange.version > bindparam("known"),
    CacheChange.version <= bindparam("now"),
)


def write(session: Session, name: str, keys: Collection[str] | None) -> None:
    """Raise the number of a kind in the transaction of a change; `keys` None is a change of anything."""
    connection = session.connection()
    version = connection.scalar(_RAISED, {"kind": name})
    if version is None or not keys or len(keys) > MOST_KEYS:
        return
    connection.execute(_ROWS, [{"name": name, "version": version, "key": key} for key in sorted(keys)])
    connection.execute(_OLD, {"kind": name, "old": version - KEPT})


def set_apart(session: Session) -> None:
    """Make a change of anything of every kind that nobody can have seen, whatever came after the backup was made."""
    session.execute(update(CacheVersion).values(version=CacheVersion.version + APART))


def read(known: Mapping[str, int]) -> dict[str, Change]:
    """The kinds whose numbers are not these."""
    with database.autocommit() as connection:
        found = _versions(connection)
        return {
            name: Change(version, _keys(connection, name, known.get(name), version))
            for name, version in found.items()
            if known.get(name) != version
        }


def _versions(connection: Connection) -> dict[str, int]:
    if connection.dialect.name != "postgresql":
        return {row.name: row.version for row in connection.execute(_VERSIONS)}
    asked = clock.now_us()
    rows = connection.execute(_VERSIONS_AND_TIME).all()
    if rows:
        timekeeping.hear(int(rows[0].at_us), asked)
    return {row.name: row.version for row in rows}


def _keys(connection: Connection, name: str, known: int | None, version: int) -> frozenset[str] | None:
    # Smaller in a database that was restored.
    if known is None or not known < version <= known + KEPT:
        return None
    rows = connection.execute(_SINCE, {"kind": name, "known": known, "now": version}).all()
    if len({row.version for row in rows}) < version - known:
        return None
    return frozenset(row.key for row in rows)
