"""An installation into another, empty database: all of it, checked, or nothing.

Killed at any moment the target is empty or whole. PostgreSQL takes all of it in one transaction; SQLite's file is made
under another name.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from authserver.cli import copies, opening, restoring
from authserver.config import Settings
from authserver.errors import Conflict

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from authserver.domain.running.schema import Status
    from authserver.domain.running.table_copies import Told

    Progress = Callable[[int], contextlib.AbstractContextManager[Told]]


def copy(source: Settings, target: Settings, progress: Progress) -> Mapping[str, int]:
    """Rows by table. Raises NotReady or Conflict with one sentence; then nothing is in the target.

    `progress` is called with how many rows there are, and gives a block and what hears of each batch in it.
    """
    from authserver import engines
    from authserver.domain.running import table_copies

    with opening.opened(source):
        pass  # its schema must be this version's
    engine = engines.build(opening.as_owner(source))
    try:
        with (
            table_copies.held_still(engine) as reading,
            _installation(target) as connection,
            progress(table_copies.total(reading)) as told,
        ):
            done = table_copies.copy(reading, connection, told)
            _require_sound(connection)
    finally:
        engine.dispose()
    return done


@contextlib.contextmanager
def _installation(target: Settings) -> Iterator[Connection]:
    """A fresh one, in a transaction that ends with the block. Raises Conflict if something is there already."""
    with _sqlite(target) if target.sqlite else _postgresql(target) as connection:
        yield connection


@contextlib.contextmanager
def _postgresql(target: Settings) -> Iterator[Connection]:
    from authserver.domain.running import schema

    with opening.opened(target, any_schema=True), _one_transaction() as connection:
        _require_empty(schema.status_on(connection))
        schema.upgrade(connection)
        yield connection


@contextlib.contextmanager
def _sqlite(target: Settings) -> Iterator[Connection]:
    from authserver.domain.running import schema

    file = copies.sqlite_file(target)
    if file.exists() and file.stat().st_size:
        with opening.opened(target, any_schema=True):
            _require_empty(schema.status())
    with copies.scratch(file, ".copying") as beside:
        settings = dataclasses.replace(target, database_url=f"sqlite:///{beside}")
        with opening.opened(settings, any_schema=True):
            schema.migrate()
            with _one_transaction() as connection:
                yield connection
        copies.take_place(beside, file)
    with opening.opened(target):
        schema.mark(schema.status())


@contextlib.contextmanager
def _one_transaction() -> Iterator[Connection]:
    from authserver import database

    with database.together():
        session = database.shared()
        assert session is not None  # noqa: S101  # the block above shares one
        connection = session.connection()
        database.without_hurry(connection)
        yield connection
        session.expire_all()


def _require_empty(found: Status) -> None:
    if found.state != "empty":
        raise Conflict("There is an installation in it, or something else: name an empty one. Nothing was changed.")


def _require_sound(connection: Connection) -> None:
    for each in restoring.looked_at(connection):
        if not each.ok:
            raise Conflict(f"{each.check}: {each.detail}. Nothing was changed.")
