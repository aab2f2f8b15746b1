"""Hot statements past the ORM's run time: SQLAlchemy builds them once, the driver executes them.

Connections come from the pool of the process: patience, pings and what befalls lost connections are those of everybody.
"""

from __future__ import annotations

import contextlib
import time
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import Delete, Select, Update
from sqlalchemy.types import TypeEngine

from authserver import commits, database, sqlite_writing

Convert = Callable[[Any], Any]
Execute = Callable[[Any, str, Any], object]
# Called with the text of each statement that is sent.
observers: list[Callable[[str], object]] = []


class HotStatement:
    """A statement with named parameters that is its own transaction: SELECT, UPDATE or DELETE, with RETURNING or not.

    What Python fills in by itself (`default`, `onupdate`) and lists for IN are not to be had: TypeError at first use.
    """

    def __init__(self, statement: Select[Any] | Update | Delete) -> None:
        self.statement = statement
        self._forms: dict[str, _Form] = {}

    def one_or_none(self, **parameters: Any) -> Any:
        """The first row, its columns as attributes by name; None without one. Raises DBAPIError, Unavailable."""
        with self._executed(parameters) as (form, cursor):
            return form.row(cursor.fetchone())

    def all(self, **parameters: Any) -> list[Any]:
        """Every row. Raises DBAPIError, Unavailable."""
        with self._executed(parameters) as (form, cursor):
            return [form.row(values) for values in cursor.fetchall()]

    def count(self, **parameters: Any) -> int:
        """How many rows it changed. Raises DBAPIError, Unavailable."""
        with self._executed(parameters) as (_, cursor):
            return int(cursor.rowcount)

    @contextlib.contextmanager
    def _executed(self, parameters: Mapping[str, Any]) -> Iterator[tuple[_Form, Any]]:
        database.about_to_ask()
        form = self._form(database.engine().dialect)
        for observe in observers:
            observe(form.text)
        with _connection() as connection, contextlib.closing(connection.cursor()) as cursor:
            self._send(form, cursor, form.bound(parameters))
            yield form, cursor

    def _send(self, form: _Form, cursor: Any, parameters: Any) -> None:
        """What the server undid is sent again: a statement that is its own transaction left nothing then."""
        began, turn = time.monotonic(), 0
        if form.stays:
            commits.note()
        while True:
            try:
                form.execute(cursor, form.text, parameters)
                return
            except Exception as failure:
                turn += 1
                late = turn > commits.REPEATS or time.monotonic() - began > commits.REPEATED_SECONDS
                if late or commits.state(failure) not in commits.UNDONE:
                    raise
            commits.pause(turn)

    def _form(self, dialect: Dialect) -> _Form:
        known = self._forms.get(dialect.name)
        if known is None:
            known = self._forms[dialect.name] = _Form(self.statement, dialect)
        return known


class _Form:
    """A statement as one driver takes it, and how values become its parameters and its rows become ours."""

    def __init__(self, statement: Select[Any] | Update | Delete, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        if compiled.insert_prefetch or compiled.update_prefetch or any(b.expanding for b in compiled.binds.values()):
            raise TypeError(f"not a hot statement: {compiled}")
        self.text = str(compiled)
        self.stays = not isinstance(statement, Select)
        self.execute: Execute = sqlite_writing.execute_in_turn if dialect.name == "sqlite" else _execute
        self._order: Sequence[str] | None = compiled.positiontup
        self._fixed: dict[str, Any] = {n: b.value for n, b in compiled.binds.items() if not b.required}
        self._bind = _converters(dialect, {name: bind.type for name, bind in compiled.binds.items()})
        self._fixed = {name: self._converted(name, value) for name, value in self._fixed.items()}
        columns = statement.exported_columns
        self._make: Convert = _row_of(column.name for column in columns)  # as stored, whatever the attribute is
        self._read = [
            (place, convert)
            for place, column in enumerate(columns)
            if (convert := column.type.dialect_impl(dialect).result_processor(dialect, None))
        ]

    def bound(self, parameters: Mapping[str, Any]) -> Any:
        """Parameters as the driver wants them."""
        every = {**self._fixed, **{name: self._converted(name, value) for name, value in parameters.items()}}
        return [every[name] for name in self._order] if self._order is not None else every

    def row(self, values: Sequence[Any] | None) -> Any:
        """What the driver read, as a row."""
        if values is None:
            return None
        if self._read:
            values = list(values)
            for place, convert in self._read:
                values[place] = convert(values[place])
        return self._make(values)

    def _converted(self, name: str, value: Any) -> Any:
        convert = self._bind.get(name)
        return convert(value) if convert else value


def _row_of(names: Iterable[str]) -> Convert:
    kind: Any = namedtuple  # its fields are known only here
    return kind("Row", names, rename=True)._make  # type: ignore[no-any-return]  # made by the line above


def _converters(dialect: Dialect, types: Mapping[str, TypeEngine[Any]]) -> dict[str, Convert]:
    found = ((name, each.dialect_impl(dialect).bind_processor(dialect)) for name, each in types.items())
    return {name: convert for name, convert in found if convert}


def _execute(cursor: Any, statement: str, parameters: Any) -> object:
    return cursor.execute(statement, parameters)


@contextlib.contextmanager
def _connection() -> Iterator[Any]:
    """A connection of the driver. Its errors become SQLAlchemy's, and a lost one takes those of the pool with it."""
    engine = database.engine()
    failure = engine.dialect.loaded_dbapi.Error
    try:
        pooled = engine.raw_connection()
    except failure as error:  # a new connection that nobody answered
        raise _told(error, failure, lost=True) from error
    try:
        yield pooled.driver_connection
    except failure as error:
        lost = database.is_lost(error, pooled)
        if lost:
            pooled.invalidate(error)
            database.let_go()
        raise _told(error, failure, lost=lost) from error
    finally:
        pooled.close()


def _told(error: Exception, kind: type[Exception], *, lost: bool) -> BaseException:
    return DBAPIError.instance("", None, error, kind, hide_parameters=True, connection_invalidated=lost)
