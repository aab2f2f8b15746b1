"""A full installation: as much of everything as promised, twice the same, and nothing in it opens anything."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from authserver import database
from authserver.domain.clients import clients
from authserver.domain.demo import full, full_history, long_texts, seeding
from authserver.domain.ground import cache
from authserver.domain.people import users
from authserver.domain.people.credentials import passwords
from authserver.domain.record import audit
from authserver.models import ApiKey, Client, Refusal, User, WebhookDelivery, WebhookEndpoint
from authserver.tables import Base
from tests.conftest import KINDS
from tests.support import long_sets


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"demo": True, "outbound_allow": ("localhost",)}


@pytest.fixture
def filled(app: Flask) -> None:
    seeding.seed({}, fixed=False, keep=lambda _card: None)
    full.fill()


def rows() -> dict[str, int]:
    """How many rows each table has."""
    with database.reading() as session:
        return {
            name: session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in Base.metadata.tables.items()
        }


def test_a_full_installation(filled: None) -> None:
    """One fill for all that only looks: it takes seconds."""
    much_of_everything()
    what_breaks_pages()
    people_without_a_password()
    assert audit.verify().sound


def much_of_everything() -> None:
    found = rows()
    wanted = {User: full.PEOPLE, Client: full.APPS, ApiKey: full.KEYS, WebhookEndpoint: full_history.HOOKS,
              WebhookDelivery: full_history.DELIVERIES, Refusal: full_history.REFUSALS}  # fmt: skip
    assert {model: found[model.__tablename__] >= least for model, least in wanted.items()} == dict.fromkeys(
        wanted, True
    )


@pytest.mark.parametrize("emptied_database", long_sets.others_later(KINDS, now="postgresql"), indirect=True)
def test_filling_twice_changes_nothing_and_finishes_what_was_broken_off(filled: None) -> None:
    before = rows()
    full.fill()
    assert rows() == before
    with database.transaction() as session:
        session.delete(session.get_one(Client, full._app_id(7)))
    cache.reset()
    full.fill()
    assert rows()["clients"] == before["clients"]


def what_breaks_pages() -> None:
    with database.reading() as session:
        names = set(session.scalars(select(Client.name)))
    assert {long_texts.UNBROKEN, long_texts.ARABIC, long_texts.JAPANESE, long_texts.EMOJI} <= names
    assert len(long_texts.UNBROKEN) == 88 and " " not in long_texts.UNBROKEN
    assert {len(name) for name, _ in long_texts.SCOPES} == {60}
    assert len(clients.get(full._app_id(0)).redirect_uris) == 40


def people_without_a_password() -> None:
    for user in users.page(limit=full.PEOPLE)[0]:
        assert user.id.startswith("usr_Full") is (user.password_hash in (None, "!"))
    assert passwords.check(long_texts.email(3), "!") is None
