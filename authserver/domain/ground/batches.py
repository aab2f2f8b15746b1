"""Deleting and blanking very many rows, in transactions so short that nobody waits for their locks (security.md E21).

On SQLite whoever writes keeps all others from it; on PostgreSQL a long transaction holds rows, and what it deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, delete, select, tuple_, update
from sqlalchemy.orm import Session

from authserver import database
from authserver.tables import Base

ROWS = 500  # of one transaction


def delete_all(
    model: type[Base], *which: ColumnElement[bool], then: Callable[[Session], None] | None = None, at_once: int = 0
) -> int:
    """Delete the rows that fit, and before them, in transactions of their own, what hangs on them; how many fitted.

    `then` is called in each transaction that deleted some of them. With `at_once`, so many go at a time and take
    along what hangs on them: for rows that may turn out to be in use, and then keep what is theirs.
    """
    table, gone = model.__table__, 0
    if not _hanging(table):
        return delete_plain(table, *which)
    while True:
        with database.reading() as session:
            ids = session.scalars(_keys(table, *which).limit(at_once or ROWS)).all()
        chosen = _key(table).in_(ids)
        if ids and not at_once:
            delete_hanging(table, chosen)
        count = _delete_some(table, chosen, *which, then=then) if ids else 0
        gone += count
        if len(ids) < (at_once or ROWS) or not count:  # or another process does the same
            return gone


def delete_plain(table: FromClause, *which: ColumnElement[bool]) -> int:
    """Delete the rows that fit of a table on which none hangs, or on whose rows that fit none hangs any more."""
    return _repeated(lambda: _delete_some(table, _key(table).in_(_keys(table, *which).limit(ROWS))))


def delete_hanging(table: FromClause, *which: ColumnElement[bool]) -> None:
    """Delete what goes with the rows that fit, and leave these."""
    for other, theirs in hanging_rows(table, *which):
        delete_plain(other, theirs)


def blank_all(model: type[Base], *which: ColumnElement[bool], **values: Any) -> int:
    """Give the rows that fit these values, with which they fit no more; how many."""

    def some() -> int:
        chosen = _key(model.__table__).in_(_keys(model.__table__, *which).limit(ROWS))
        with database.writing() as connection:
            return connection.execute(update(model).where(chosen, *which).values(**values)).rowcount

    return _repeated(some)


def _repeated(some: Callable[[], int]) -> int:
    total = 0
    while True:
        count = some()
        total += count
        if count < ROWS:
            return total


def _delete_some(table: FromClause, *which: ColumnElement[bool], then: Callable[[Session], None] | None = None) -> int:
    statement: Any = delete(table).where(*which)  # type: ignore[arg-type]  # a Table, as each model has
    with database.transaction() as session:
        gone = session.execute(statement, execution_options={"synchronize_session": False})
        count = int(gone.rowcount)  # type: ignore[attr-defined]  # a DELETE's result has it
        if count and then is not None:
            then(session)
    return count


def hanging_rows(table: FromClause, *which: ColumnElement[bool]) -> Iterator[tuple[FromClause, ColumnElement[bool]]]:
    """The tables whose rows go with these, the outermost first, found from the foreign keys."""
    for other, column, key in _hanging(table):
        theirs = column.in_(select(key).where(*which))
        yield from hanging_rows(other, theirs)
        yield other, theirs


def _hanging(table: FromClause) -> list[tuple[FromClause, ColumnElement[Any], ColumnElement[Any]]]:
    return [
        (other, key.parent, key.column)
        for other in Base.metadata.sorted_tables
        for key in other.foreign_keys
        if key.column.table is table and key.ondelete == "CASCADE"
    ]


def _key(table: FromClause) -> ColumnElement[Any]:
    columns = list(table.primary_key)
    return columns[0] if len(columns) == 1 else tuple_(*columns)


def _keys(table: FromClause, *which: ColumnElement[bool]) -> Select[Any]:
    return select(*table.primary_key).where(*which)
