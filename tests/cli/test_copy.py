"""`authserver copy --to`: an installation moves to another database with every row, id and seal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Column, Connection, Table, select, text
from sqlalchemy.exc import OperationalError

from authserver import database, engines
from authserver.cli import copying, opening
from authserver.config import Settings
from authserver.domain.demo import full, seeding
from authserver.domain.people import users
from authserver.domain.record import audit
from authserver.domain.running import schema, table_copies
from authserver.errors import Conflict, Unavailable
from tests.conftest import KINDS
from tests.services import postgres
from tests.support import standing


@pytest.fixture(scope="module", params=KINDS)
def filled(request: pytest.FixtureRequest) -> Iterator[Settings]:
    """An installation in which nearly every table has rows, long and in many scripts."""
    with standing.standing(request.param, demo=True, outbound_allow=("localhost",)) as made:
        seeding.seed({}, fixed=True, keep=lambda _card: None)
        full.fill()
        _fill_the_rest()
        yield replace(made.settings, demo=False)


def _fill_the_rest() -> None:
    """A row in every table that has none, of values that a careless copy would change."""
    with database.transaction() as session:
        connection = session.connection()
        for table in table_copies.tables():
            if connection.execute(table.select().limit(1)).first() is None:
                connection.execute(
                    table.insert().values({each.name: _some(each, connection) for each in table.columns})
                )


def _some(column: Column[Any], connection: Connection) -> Any:
    for key in column.foreign_keys:
        return connection.scalar(select(key.column).limit(1))
    if isinstance(column.type, JSON):
        return None if column.nullable else {"b": 1, "a": [None, "é😀", 2**60, {"": False}]}
    kind = column.type.python_type
    if kind is str:
        return "é'\\\t%"[: getattr(column.type, "length", None) or 5]
    return {bytes: bytes(range(256))[:32], int: 7, bool: True}[kind]


@pytest.fixture
def empty(filled: Settings, tmp_path: Path) -> Iterator[Settings]:
    """The same settings with an empty database of the other kind."""
    if not filled.sqlite:
        yield replace(filled, database_url=f"sqlite:///{tmp_path / 'other.sqlite3'}")
        return
    url = postgres.create_database()
    yield replace(filled, database_url=url)
    postgres.drop_database(url)


@contextlib.contextmanager
def unseen(_rows: int) -> Iterator[table_copies.Told]:
    yield lambda _table, _count: None


def rows(settings: Settings) -> Mapping[str, list[str]]:
    """Every row as text that both databases agree on, by table."""
    engine = engines.build(settings)
    with engine.connect() as connection:
        found = {each.name: sorted(_rows(each, connection)) for each in table_copies.tables()}
    engine.dispose()
    return found


def _rows(table: Table, connection: Connection) -> list[str]:
    return [repr(row) for batch in table_copies._read(table, connection) for row in batch]


def test_every_row_is_the_same_in_the_other_database(filled: Settings, empty: Settings) -> None:
    done = copying.copy(filled, empty, unseen)
    before, after = rows(filled), rows(empty)
    assert {name: len(found) for name, found in after.items()} == dict(done)
    for name, found in before.items():
        assert after[name] == found, name
    assert [name for name, count in done.items() if not count] == []
    with opening.opened(empty):
        assert audit.verify().sound


def test_the_audit_log_goes_on_where_it_was(filled: Settings, empty: Settings) -> None:
    copying.copy(filled, empty, unseen)
    with opening.opened(empty):
        before = audit.verify().checked
        users.create("after@example.test", name="After", role="user", password="a walk along the river", verified=True)
        found = audit.verify()
        assert found.sound and found.checked == before + 1


def test_a_database_with_something_in_it_is_left_alone(filled: Settings, empty: Settings) -> None:
    copying.copy(filled, empty, unseen)
    before = rows(empty)
    with pytest.raises(Conflict, match="name an empty one"):
        copying.copy(filled, empty, unseen)
    assert rows(empty) == before


@pytest.mark.parametrize("filled", ["sqlite"], indirect=True)
def test_a_row_that_does_not_fit_is_named_and_nothing_is_written(filled: Settings, empty: Settings) -> None:
    """SQLite takes words of any length, PostgreSQL those that its columns have room for."""
    with longer_than_its_column(filled), pytest.raises(Conflict, match="A row of used_usernames does not fit"):
        copying.copy(filled, empty, unseen)
    with opening.opened(empty, any_schema=True):
        assert schema.status().state == "empty"


@contextlib.contextmanager
def longer_than_its_column(settings: Settings) -> Iterator[None]:
    with engines.build(settings).begin() as connection:
        before = connection.execute(text("SELECT user_id FROM used_usernames")).scalar()
        connection.execute(text("UPDATE used_usernames SET user_id = :long"), {"long": "x" * 5_000})
    yield
    with engines.build(settings).begin() as connection:
        connection.execute(text("UPDATE used_usernames SET user_id = :before"), {"before": before})


def test_who_writes_meanwhile_waits_and_nothing_is_lost(filled: Settings, empty: Settings) -> None:
    """What was acknowledged before the end is in the copy, or was refused."""

    def writes() -> None:
        engine = engines.build(filled)
        with pytest.raises((OperationalError, Unavailable)), engine.begin() as connection:
            if not filled.sqlite:
                connection.execute(text("SET LOCAL lock_timeout = '50ms'"))
            connection.execute(text("UPDATE write_probes SET written_us = written_us + 1"))
        engine.dispose()

    @contextlib.contextmanager
    def meanwhile(_rows: int) -> Iterator[table_copies.Told]:
        writes()
        yield lambda _table, _count: None

    copying.copy(filled, empty, meanwhile)
