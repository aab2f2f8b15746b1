"""Statements past the ORM's run time read and write what the ORM would, and outlive the connections they use."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import LargeBinary, bindparam, delete, literal, select, text, update
from sqlalchemy.exc import DBAPIError

from authserver import database, engines
from authserver.config import Settings
from authserver.domain.people import users
from authserver.hot_statements import HotStatement
from authserver.models import AuditEvent, User
from tests.conftest import KINDS, Person

BY_ID = select(User.id, User.email, User.disabled_at, User.__table__.c.role.label("part")).where(
    User.id == bindparam("wanted")
)


def test_a_row_has_the_columns_by_name(alice: Person) -> None:
    row = HotStatement(BY_ID).one_or_none(wanted=alice.id)
    assert (row.id, row.email, row.disabled_at, row.part) == (alice.id, alice.email, None, "user")


def test_columns_are_named_as_they_are_stored(alice: Person) -> None:
    stored = HotStatement(select(User.chosen_name).where(User.id == bindparam("wanted")))
    assert stored.one_or_none(wanted=alice.id).name == users.get(alice.id).chosen_name


def test_no_row_is_none(alice: Person) -> None:
    assert HotStatement(BY_ID).one_or_none(wanted="nobody") is None


def test_values_are_what_the_orm_makes_of_them(alice: Person) -> None:
    columns = AuditEvent.__table__.c
    last = select(*columns).order_by(columns.seq.desc()).limit(1)
    with database.reading() as session:
        expected = session.execute(last).one()
    assert tuple(HotStatement(last).one_or_none()) == tuple(expected)
    assert any(isinstance(value, dict | list) for value in expected)


def test_bytes_are_bytes(app: object) -> None:
    row = HotStatement(select(bindparam("given", type_=LargeBinary).label("given"))).one_or_none(given=b"\0\xff")
    assert bytes(row.given) == b"\0\xff"


def test_a_value_that_the_statement_brings_along_is_bound(alice: Person) -> None:
    found = HotStatement(select(literal("it's 100 %").label("said")).where(User.id == bindparam("wanted")))
    assert found.one_or_none(wanted=alice.id).said == "it's 100 %"


def test_a_change_is_a_transaction_of_its_own_and_counted(alice: Person, bob: Person) -> None:
    renamed = HotStatement(update(User).where(User.id == bindparam("wanted")).values(given_name=bindparam("new")))
    assert renamed.count(wanted=alice.id, new="Alicia") == 1
    assert renamed.count(wanted="nobody", new="Alicia") == 0
    assert users.get(alice.id).given_name == "Alicia"


def test_a_change_tells_what_it_returns(alice: Person) -> None:
    gone = HotStatement(delete(User).where(User.id == bindparam("wanted"), User.role == "nothing").returning(User.id))
    assert gone.one_or_none(wanted=alice.id) is None


def test_a_list_is_refused_instead_of_misread(app: object) -> None:
    with pytest.raises(TypeError, match="not a hot statement"):
        HotStatement(select(User.id).where(User.id.in_(bindparam("ids", expanding=True)))).one_or_none(ids=["a"])


def test_a_forgotten_parameter_is_no_null(app: object) -> None:
    with pytest.raises((KeyError, DBAPIError)):
        HotStatement(BY_ID).one_or_none()


def test_it_is_counted_among_the_statements(alice: Person, statements: Callable[[], Any]) -> None:
    with statements() as sent:
        HotStatement(BY_ID).one_or_none(wanted=alice.id)
    assert len(sent) == 1


def test_an_error_of_the_driver_is_sqlalchemys_and_names_no_value(alice: Person) -> None:
    broken = HotStatement(select(text("nonsense")).where(User.id == bindparam("wanted")))
    with pytest.raises(DBAPIError) as failure:
        broken.one_or_none(wanted="a secret")
    assert "a secret" not in str(failure.value)
    assert HotStatement(BY_ID).one_or_none(wanted=alice.id).id == alice.id


def test_a_database_that_cannot_be_reached_is_sqlalchemys_error_too(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be a fault of ours, and 500 instead of 503."""
    nowhere = Settings(database_url="postgresql://nobody@127.0.0.1:1/nothing", secret_key="x" * 40)
    monkeypatch.setattr(database, "_engine", engines.build(nowhere))
    with pytest.raises(DBAPIError):
        HotStatement(BY_ID).one_or_none(wanted=alice.id)


@pytest.mark.parametrize("emptied_database", {"postgresql"}.intersection(KINDS), indirect=True)
def test_a_lost_connection_costs_one_request_at_most(alice: Person) -> None:
    statement = HotStatement(BY_ID)
    with database.autocommit() as connection:
        statement.one_or_none(wanted=alice.id)  # by a second connection of the pool
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.invalidate()
    failures = []
    for _ in range(5):
        try:
            assert statement.one_or_none(wanted=alice.id).id == alice.id
        except DBAPIError as failure:
            failures.append(failure.connection_invalidated)
    assert failures in ([], [True])  # none if it lay idle, and was asked before it was used


def test_a_forked_process_uses_connections_of_its_own(alice: Person) -> None:
    statement = HotStatement(BY_ID)
    statement.one_or_none(wanted=alice.id)
    child = os.fork()
    if child == 0:
        inherited = database.engine().pool.checkedin()
        found = statement.one_or_none(wanted=alice.id)
        os._exit(0 if found.id == alice.id and inherited == 0 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert statement.one_or_none(wanted=alice.id).id == alice.id
