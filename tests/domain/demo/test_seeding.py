"""The demo's seed: idempotent, follows the issuer, keeps its secrets on the card alone."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from authserver import config, database
from authserver.config import Settings
from authserver.domain.access import resources, scopes
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.clients import clients, endings
from authserver.domain.clients import secrets as client_secrets
from authserver.domain.demo import seeding
from authserver.domain.ground import cache, usage
from authserver.domain.people import links
from authserver.domain.people.credentials import passwords
from authserver.models import ApiKey, Client, UsageCount, User


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"demo": True, "outbound_allow": ("localhost",)}  # as the command sets it, for its own inbox


def seed(card: seeding.Card | None = None, *, fixed: bool = False) -> seeding.Card:
    return seeding.seed(card or {}, fixed=fixed, keep=lambda _card: None)


def counts() -> list[int]:
    with database.reading() as session:
        return [
            session.scalar(select(func.count()).select_from(each)) or 0 for each in (User, Client, ApiKey, UsageCount)
        ]


def works(client_id: str, secret: str) -> bool:
    return seeding._works(client_id, secret)


def test_everything_on_the_card_works(app: Flask) -> None:
    card = seed()
    for email in (seeding.ADMIN, seeding.ALICE):
        user = passwords.check(email, card[email])
        assert user is not None and user.email == email
    assert works(seeding.JOB, card[seeding.JOB]) and works(seeding.WEB, card[seeding.WEB])
    key = api_keys.check(card["api_key"], "127.0.0.1")
    assert key is not None and key.permission == "read_only"
    assert clients.get(seeding.PLAYGROUND).public


def test_a_second_seed_changes_nothing(app: Flask) -> None:
    card = seed()
    before = counts()
    assert seed(card) == card
    assert counts() == before


def test_what_no_longer_works_is_made_anew(app: Flask) -> None:
    card = seed()
    client_secrets.rotate(None, seeding.JOB, 0, force=True)
    endings.remove(None, seeding.WEB)
    again = seed(card)
    assert again[seeding.JOB] != card[seeding.JOB]
    assert works(seeding.JOB, again[seeding.JOB])
    assert clients.get(seeding.WEB).enabled


def test_a_lost_card_is_made_from_new_secrets(app: Flask) -> None:
    first, second = seed(), seed()
    assert set(first) == set(second)
    assert works(seeding.JOB, second[seeding.JOB])
    assert passwords.check(seeding.ALICE, second[seeding.ALICE]) is not None


def test_every_secret_is_kept_as_soon_as_it_is_made(app: Flask) -> None:
    kept: list[seeding.Card] = []
    card = seeding.seed({}, fixed=False, keep=lambda each: kept.append(dict(each)))
    assert [len(each) for each in kept] == list(range(1, len(card) + 1))
    assert kept[-1] == card


def test_fixed_passwords_last_for_one_run_alone(app: Flask) -> None:
    card = seed(fixed=True)
    assert card[seeding.ADMIN] == seeding.FIXED_PASSWORDS[seeding.ADMIN]
    again = seed(card)
    assert again[seeding.ADMIN] not in seeding.FIXED_PASSWORDS.values()
    assert passwords.check(seeding.ADMIN, seeding.FIXED_PASSWORDS[seeding.ADMIN]) is None


def test_another_port_moves_what_points_to_ourselves(app: Flask, settings: Settings) -> None:
    card = seed()
    moved = dataclasses.replace(settings, issuer="http://localhost:8017")
    with config.using(moved):
        assert seed(card) == card
        cache.reset()
        assert clients.get(seeding.PLAYGROUND).redirect_uris == ("http://localhost:8017/playground",)
        assert list(resources.all()) == ["http://localhost:8017/demo/v1"]
        assert scopes.all()["workflows:read"].resource == "http://localhost:8017/demo/v1"
        assert clients.get(seeding.JOB).resources == ("http://localhost:8017/demo/v1",)


def test_the_sample_figures_are_marked_and_go_at_once(app: Flask) -> None:
    seed()
    made = counts()[-1]
    assert made > 300
    assert seeding.remove_sample() == made
    seed()
    assert not usage.has_samples()
    assert seeding.remove_sample() == 0


def test_the_sign_in_link_is_the_administrators(app: Flask) -> None:
    seed()
    link = seeding.sign_in_link()
    assert links.use_sign_in_link(link.rpartition("/")[2]).email == seeding.ADMIN
