"""One-time links: for one purpose, for one address, once, and not for long."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from authserver import database
from authserver.domain.ground import one_time_links
from authserver.domain.people import addresses, links, users
from authserver.errors import NotFound
from authserver.models import OneTimeLink
from tests.conftest import Person


def made(person: Person, purpose: str) -> str:
    with database.transaction() as session:
        return one_time_links.make(session, person.user, purpose).rpartition("/")[2]


def spent(token: str, purpose: str) -> bool:
    try:
        with database.transaction() as session:
            one_time_links.spend(session, token, purpose)
    except NotFound:
        return False
    return True


def test_a_link_works_once(alice: Person) -> None:
    token = made(alice, "reset")
    assert [spent(token, "reset"), spent(token, "reset")] == [True, False]


def test_of_many_at_once_one_wins(alice: Person) -> None:
    token = made(alice, "reset")
    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(lambda _: spent(token, "reset"), range(24))) == 1


def test_looking_uses_nothing_up(alice: Person) -> None:
    token = made(alice, "welcome")
    assert one_time_links.look(token, "welcome").user.id == alice.id
    assert spent(token, "welcome")


@pytest.mark.parametrize(("purpose", "seconds"), [("reset", 1800), ("welcome", 86_400), ("sign_in", 86_400)])
def test_a_link_ends_with_its_time(alice: Person, purpose: str, seconds: int) -> None:
    with time_machine.travel("2026-11-24 12:00:00Z", tick=False) as clock:
        early, late = made(alice, purpose), made(alice, purpose)
        clock.shift(seconds - 1)
        assert spent(early, purpose)
        clock.shift(1)
        assert not spent(late, purpose)
        with pytest.raises(NotFound):
            one_time_links.look(late, purpose)


@pytest.mark.parametrize("other", ["welcome", "sign_in", "not_me"])
def test_a_link_is_good_for_its_purpose_alone(alice: Person, other: str) -> None:
    token = made(alice, "reset")
    assert not spent(token, other)


def test_a_changed_address_kills_the_link(alice: Person) -> None:
    token = made(alice, "reset")
    addresses.change_email(alice.id, "alice@elsewhere.test")
    with pytest.raises(NotFound):
        one_time_links.look(token, "reset")
    assert not spent(token, "reset")


@pytest.mark.parametrize("purpose", one_time_links.PURPOSES)
def test_an_address_that_comes_back_brings_no_link_back(alice: Person, purpose: str) -> None:
    """Who reads the mails of an address that was given up may hold one."""
    token = made(alice, purpose)
    for email in ("alice@elsewhere.test", alice.email):
        addresses.change_email(alice.id, email)
    assert users.get(alice.id).email == alice.email
    assert not spent(token, purpose)


def test_a_disabled_account_has_no_links(alice: Person) -> None:
    token = made(alice, "welcome")
    users.disable(alice.id)
    assert not spent(token, "welcome")
    users.enable(alice.id)
    assert not spent(token, "welcome")


@pytest.mark.parametrize("mangle", [str.lower, lambda token: token[:-1], lambda token: token + "A", lambda _: "\0"])
def test_what_is_not_exactly_the_token_is_nothing(alice: Person, mangle: object) -> None:
    token = made(alice, "reset")
    with pytest.raises(NotFound):
        one_time_links.look(mangle(token), "reset")  # type: ignore[operator]


def test_the_database_keeps_a_digest_and_the_link_names_the_configured_issuer(app: Flask, alice: Person) -> None:
    link = links.access_link(alice.id)
    assert link.startswith("http://localhost:8000/password/reset/")
    with database.reading() as session:
        row = session.scalars(select(OneTimeLink)).one()
    assert link.rpartition("/")[2].encode() not in row.digest
    assert len(row.digest) == 32
