"""Many rows into one table: COPY on PostgreSQL, executemany on SQLite."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlalchemy import JSON, Connection, Table

from authserver import database

AT_ONCE = 20_000
Row = dict[str, Any]


def load(model: Any, rows: Iterable[Row]) -> None:
    """Insert rows; what they leave out gets the column's own default, as far as that is a plain value."""
    table: Table = model.__table__
    tuples = _tuples(table, rows)
    while batch := list(itertools.islice(tuples, AT_ONCE)):
        with database.transaction() as session:
            _put(session.connection(), table, batch)


def without_limit(connection: Connection) -> None:
    """Let statements of this transaction take as long as they need."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")


def _put(connection: Connection, table: Table, batch: list[tuple[Any, ...]]) -> None:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    raw: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        without_limit(connection)
        if connection.exec_driver_sql("SELECT usesuper FROM pg_user WHERE usename = current_user").scalar():
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")  # the references are ours
        with raw.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
            for each in batch:
                copy.write_row(each)
        return
    places = ", ".join("?" for _ in table.columns)
    raw.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({places})", batch)  # the names are ours


def _tuples(table: Table, rows: Iterable[Row]) -> Iterator[tuple[Any, ...]]:
    makers = [_maker(column) for column in table.columns]
    for row in rows:
        yield tuple(make(row) for make in makers)


def _maker(column: Any) -> Callable[[Row], Any]:
    name, given = column.name, column.default
    if isinstance(column.type, JSON):
        text = json.dumps(given.arg(None) if given is not None else None)
        return lambda row: json.dumps(row[name]) if name in row else text
    default = given.arg if given is not None and given.is_scalar else None
    return lambda row: row.get(name, default)
