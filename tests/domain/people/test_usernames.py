"""Usernames: applications take them for an account's name, so nobody gets one that is or was somebody else's."""

from __future__ import annotations

import dataclasses

import pytest
from flask import Flask
from sqlalchemy import delete

from authserver import config, database
from authserver.domain.people import names, sign_ups, usernames, users
from authserver.errors import Conflict, Invalid
from authserver.models import UsedUsername, User
from tests.conftest import Person


def made(email: str, **more: str) -> str:
    return users.create(email, **more).username


def test_it_is_made_of_what_stands_before_the_at(app: Flask) -> None:
    for email, username in (
        ("carol@example.test", "carol"),
        ("Carol@other.test", "carol-2"),
        ("carol@third.test", "carol-3"),
        ("carol-2@example.test", "carol-2-2"),
        ("dan+lists@example.test", "dan-lists"),
        ("_eve_@example.test", "eve"),
        ("björn.o@example.test", "bj-rn.o"),
        ("李@example.test", "李@example.test"),
    ):
        assert made(email) == username


@pytest.mark.parametrize("local", ["admin", "ROOT", "system", "Administrator", "postmaster", "-admin-"])
def test_no_name_that_reads_like_an_authority_is_made_not_even_with_a_number(app: Flask, local: str) -> None:
    assert made(f"{local}@example.test") == f"{local.lower()}@example.test"


def test_who_signs_up_gets_the_whole_address(app: Flask, alice: Person) -> None:
    with config.using(dataclasses.replace(config.current(), signup="on", smtp_url="smtp://127.0.0.1:1")):
        sign_ups.sign_up("Alice@Mallory.test", "")
    found = users.find_by_email("alice@mallory.test")
    assert found is not None and found.username == "alice@mallory.test"
    assert users.get(alice.id).username == "alice"


def test_a_chosen_one_has_plain_characters_and_no_authority(app: Flask, alice: Person) -> None:
    for bad in ("", " ", "a b", "ä", "a/b", "x" * 65, "a@", "a@b@c", "Admin", "root", ".", "..", "al\u200bice", "a\n"):
        with pytest.raises(Invalid) as refused:
            names.set_username(alice.id, bad)
        assert refused.value.field == "username"
    names.set_username(alice.id, " Alice.M-1_ ")
    assert users.get(alice.id).username == "alice.m-1_"
    names.set_username(alice.id, "Alice@Example.test")
    assert users.get(alice.id).username == "alice@example.test"


def test_nobody_gets_one_that_is_or_was_somebody_elses(app: Flask, alice: Person, mallory: Person) -> None:
    names.set_username(alice.id, "alison")
    for name in ("alison", "ALISON", "alice", "Alice"):
        with pytest.raises(Conflict) as refused:
            names.set_username(mallory.id, name)
        assert refused.value.field == "username"
        with pytest.raises(Conflict):
            users.create("mallory@second.test", username=name)
    assert made("alice@mallory.test") == "alice-2"
    assert users.get(mallory.id).username == "mallory"
    names.set_username(alice.id, "alice")
    assert users.get(alice.id).username == "alice", "their own of before"
    with database.reading() as session:
        kept = [row.digest for row in session.query(UsedUsername)]
    assert kept and not any(b"alice" in digest or b"alison" in digest for digest in kept)


def test_a_used_one_stays_used_after_its_person_is_gone_and_after_the_secret_key_changed(
    app: Flask, alice: Person
) -> None:
    with database.transaction() as session:
        usernames.retire(session, session.get_one(User, alice.id))
        session.execute(delete(User).where(User.id == alice.id))
    settings = config.current()
    with config.using(
        dataclasses.replace(settings, secret_key="k" * 40, secret_key_fallbacks=(settings.secret_key,))
    ):  # fmt: skip
        assert made("alice@example.test") == "alice-2"
        with pytest.raises(Conflict):
            users.create("alice@second.test", username="alice")


def test_who_signs_up_with_an_address_that_was_a_username_gets_neither(app: Flask, alice: Person) -> None:
    names.set_username(alice.id, "mallory@evil.test")
    names.set_username(alice.id, "alice")
    with config.using(dataclasses.replace(config.current(), signup="on", smtp_url="smtp://127.0.0.1:1")):
        sign_ups.sign_up("mallory@evil.test", "")
    found = users.find_by_email("mallory@evil.test")
    assert found is not None and found.username.startswith("user-")
