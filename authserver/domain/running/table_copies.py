"""Every row of an installation in another database, and the proof that they are the same."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlalchemy import DDL, JSON, ColumnElement, Connection, Engine, Table, Text, cast, func, insert, select, text
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from authserver import database
from authserver.errors import Conflict
from authserver.tables import Base

BATCH = 1_000  # rows a statement
_HOLD = DDL("LOCK TABLE %(fullname)s IN SHARE MODE")  # type: ignore[no-untyped-call]  # SQLAlchemy's own
_ROOM = 2**256
_JSON = JSON(none_as_null=True)  # so that NULL and JSON's own null stay what they are

Told = Callable[[str, int], None]
Row = tuple[Any, ...]


@contextlib.contextmanager
def held_still(engine: Engine) -> Iterator[Connection]:
    """One view of a database that nobody writes meanwhile: who tries waits. Raises Conflict if its users hold it.

    A standby cannot be held, and follows its primary without us seeing it.
    """
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                _hold(connection)
            yield connection
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", "") != "55P03":  # lock_not_available
            raise
        raise Conflict("Somebody writes into the tables: stop `serve` and `worker`.") from None


def _hold(connection: Connection) -> None:
    connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
    database.without_hurry(connection)
    if not connection.scalar(text("SELECT pg_is_in_recovery()")):
        for each in tables():
            connection.execute(_HOLD.against(each))


def tables() -> list[Table]:
    """All of an installation, those that others refer to first."""
    return list(Base.metadata.sorted_tables)


def copy(source: Connection, target: Connection, told: Told) -> dict[str, int]:
    """Write every row of one installation into another of the same schema, whose own rows go. Rows by table.

    `told` hears of every batch. Raises Conflict if a row does not fit, or is another one when it is read again.
    """
    for table in reversed(tables()):
        target.execute(table.delete())
    done = {}
    for table in tables():
        done[table.name], digest = _copied(table, source, target, told)
        if _digest(_read(table, target)) != digest:
            raise Conflict(f"{table.name} is not the same when it is read again.")
    return done


def _copied(table: Table, source: Connection, target: Connection, told: Told) -> tuple[int, int]:
    """How many rows, and their digest."""
    count = digest = 0
    # Columns without the defaults of the models: a row is what it was.
    writing = insert(Table(table.name, Base.metadata.__class__(), *(_plain(each) for each in table.columns)))
    for rows in _read(table, source):
        with _explained(table):
            target.execute(writing, [_written(table, row) for row in rows])
        count, digest = count + len(rows), (digest + _digest([rows])) % _ROOM
        told(table.name, len(rows))
    return count, digest


def _plain(column: Any) -> Any:
    return type(column)(column.name, _JSON if _is_json(column) else column.type)


def _read(table: Table, connection: Connection) -> Iterator[list[Row]]:
    chosen = select(*(_as_kept(each) for each in table.columns)).execution_options(yield_per=BATCH)
    for rows in connection.execute(chosen).partitions():
        yield [_told(table, row) for row in rows]


def _as_kept(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(column, Text) if _is_json(column) else column


def _is_json(column: ColumnElement[Any]) -> bool:
    return isinstance(column.type, JSON)


def _told(table: Table, row: Any) -> Row:
    """A row of plain values; JSON in the one form that both databases agree on."""
    return tuple(_value(each, value) for each, value in zip(table.columns, row, strict=True))


def _value(column: ColumnElement[Any], value: Any) -> Any:
    if value is None:
        return None
    if _is_json(column):
        return json.dumps(json.loads(value), sort_keys=True)
    return bytes(value) if isinstance(value, memoryview) else value


def _written(table: Table, row: Row) -> dict[str, Any]:
    return {
        each.name: _parsed(value) if _is_json(each) and value is not None else value
        for each, value in zip(table.columns, row, strict=True)
    }


def _parsed(value: str) -> Any:
    return JSON.NULL if value == "null" else json.loads(value)


def _digest(batches: Iterable[list[Row]]) -> int:
    """Of a table, in whatever order its rows come: databases do not agree on how words are sorted."""
    each = (hashlib.sha256(repr(row).encode()).digest() for rows in batches for row in rows)
    return sum(int.from_bytes(digest) for digest in each) % _ROOM


@contextlib.contextmanager
def _explained(table: Table) -> Iterator[None]:
    try:
        yield
    except (DataError, IntegrityError, ValueError) as error:
        reason = str(getattr(error, "orig", error)).splitlines()[0]
        raise Conflict(f"A row of {table.name} does not fit into the other database: {reason}") from None


def total(source: Connection) -> int:
    """How many rows there are."""
    return sum(source.scalar(select(func.count()).select_from(each)) or 0 for each in tables())
