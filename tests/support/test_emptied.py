"""A test finds nothing of the one before in any table, nor in the data folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, Table, delete, func, insert, select, text

from authserver import database
from authserver.config import Settings
from authserver.domain.limits import rate_limits
from authserver.domain.people import users
from authserver.tables import Base
from tests.conftest import KINDS
from tests.support import emptied
from tests.support.emptied import Emptied

VALUES: dict[type, Any] = {int: 7, str: "x", bool: True, bytes: b"x"}
Contents = dict[str, list[tuple[Any, ...]]]


@pytest.fixture(params=KINDS)
def emptied_database(request: pytest.FixtureRequest) -> Iterator[Emptied]:
    """One of its own: what these tests do to it must not be the trouble of others if it stays."""
    made = emptied.OnSqlite() if request.param == "sqlite" else emptied.OnPostgresql()
    yield made
    made.close()


@contextmanager
def unchecked(app: Flask) -> Iterator[Connection]:
    """A connection on which no foreign key and no trigger holds anything up."""
    with database.autocommit() as connection:
        if database.dialect() == "postgresql":
            connection.exec_driver_sql("SET session_replication_role = replica")
        else:
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type='trigger'").all():
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        yield connection
        connection.invalidate()


def contents() -> Contents:
    with database.autocommit() as connection:
        return {table.name: sorted(map(tuple, connection.execute(select(table))), key=repr) for table in tables()}


def tables() -> list[Table]:
    return Base.metadata.sorted_tables


def strange_row(table: Table) -> dict[str, Any]:
    return {column.name: VALUES.get(column.type.python_type, ["x"]) for column in table.columns}


def triggers() -> list[Any]:
    found = "SELECT tgname FROM pg_trigger" if database.dialect() == "postgresql" else "SELECT sql FROM sqlite_master"
    with database.autocommit() as connection:
        return sorted(connection.execute(text(found)).scalars(), key=repr)


def test_whatever_was_done_to_any_table_is_undone(app: Flask, emptied_database: Emptied) -> None:
    before, before_triggers = contents(), triggers()
    with unchecked(app) as connection:
        for table in tables():
            connection.execute(delete(table))
            connection.execute(insert(table).values(strange_row(table)))
    assert [name for name, rows in contents().items() if len(rows) != 1 or rows == before[name]] == []
    emptied_database.empty()
    assert contents() == before
    assert triggers() == before_triggers


def test_first_rows_that_were_deleted_come_back(app: Flask, emptied_database: Emptied) -> None:
    before = contents()
    assert {"scopes", "permission_levels", "cache_versions", "audit_head", "signing_keys"} <= {
        name for name, rows in before.items() if rows
    }
    with unchecked(app) as connection:
        for table in tables():
            connection.execute(delete(table))
    emptied_database.empty()
    assert contents() == before


def test_a_transaction_left_open_holds_nothing_up(app: Flask, settings: Settings, emptied_database: Emptied) -> None:
    before = contents()
    left = database.engine().connect()
    left.execute(delete(Base.metadata.tables["scopes"]))
    emptied_database.empty()
    database.install(emptied_database.engine(dataclasses.replace(settings, database_url=emptied_database.url)))
    assert contents() == before
    left.invalidate()


def test_a_table_that_was_dropped_is_back(app: Flask, settings: Settings, emptied_database: Emptied) -> None:
    before = contents()
    with database.transaction() as session:
        session.execute(text("DROP TABLE demo_workflows"))
    emptied_database.empty()
    database.install(emptied_database.engine(dataclasses.replace(settings, database_url=emptied_database.url)))
    assert contents() == before


def test_the_data_folder_is_empty_again(app: Flask, settings: Settings, emptied_database: Emptied) -> None:
    rate_limits.consume("oauth", "x", "10/hour")
    assert list(emptied_database.folder.iterdir())
    emptied_database.empty()
    assert not list(emptied_database.folder.iterdir())
    assert settings.data_dir == str(emptied_database.folder)


def test_connections_of_the_server_go_on(app: Flask, emptied_database: Emptied) -> None:
    users.create("alice@example.test", name="Alice")
    emptied_database.empty()
    users.create("alice@example.test", name="Alice")
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Base.metadata.tables["users"])) == 1
