"""People: who gets an account, and what disabling one stops."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import update

from authserver import database
from authserver.domain.ground import one_time_links
from authserver.domain.people import addresses, links, sessions, users
from authserver.domain.people.credentials import passwords
from authserver.domain.record import audit
from authserver.errors import Conflict, Invalid, NotFound
from authserver.models import User
from tests.conftest import PASSWORD, Person
from tests.support import protocol


def events() -> list[str]:
    return [event.type for event in audit.page(limit=50)[0]][::-1]


@pytest.mark.parametrize("spelt", ["alice@example.test", "  Alice@EXAMPLE.test ", "ＡＬＩＣＥ@example.test"])
def test_an_address_is_taken_however_it_is_spelt(alice: Person, spelt: str) -> None:
    with pytest.raises(Conflict):
        users.create(spelt)
    found = users.find_by_email(spelt)
    assert found is not None
    assert found.id == alice.id


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": "a@b.test\nBcc: x@y.test"}, "email"),
        ({"email": "carol@example.test", "role": "root"}, "role"),
        ({"email": "carol@example.test", "name": "x" * 201}, "name"),
        ({"email": "carol@example.test", "name": "Car\u200bol"}, "name"),
        ({"email": "carol@example.test", "name": "Carol\0"}, "name"),
        ({"email": "carol@example.test", "password": "short"}, "password"),
        ({"email": "carol@example.test", "password": "password1"}, "password"),
        ({"email": "wanderlust@example.test", "password": "wanderlust1"}, "password"),
        ({"email": "carol@example.test", "password": "kaiekaie"}, "password"),
    ],
)
def test_what_is_refused_names_its_field_and_makes_nobody(app: Flask, values: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        users.create(**values)  # type: ignore[arg-type]
    assert field in refused.value.problems
    assert users.page()[1] == 0


def test_a_name_is_kept_on_one_line(app: Flask) -> None:
    assert users.create("carol@example.test", "  Carol\n  Danvers ").name == "Carol Danvers"


def test_a_session_that_was_left_over_is_nobodys_while_its_person_is_disabled(alice: Person) -> None:
    cookie, _ = sessions.open(alice.user, amr=["pwd"], ip="", user_agent="")
    with database.transaction() as session:
        session.execute(update(User).where(User.id == alice.id).values(disabled_at=1))
    assert sessions.resolve(cookie) is None


def test_disabling_ends_sessions_and_is_remembered_once(alice: Person, bob: Person) -> None:
    cookie, _ = sessions.open(alice.user, amr=["pwd"], ip="", user_agent="")
    other, _ = sessions.open(bob.user, amr=["pwd"], ip="", user_agent="")
    users.disable(alice.id)
    users.disable(alice.id)
    assert sessions.resolve(cookie) is None
    assert sessions.resolve(other) is not None
    assert events().count("user.disabled") == 1
    users.enable(alice.id)
    assert sessions.resolve(cookie) is None


@pytest.mark.parametrize("verb", [users.disable, users.enable, users.unlock, users.get, links.access_link])
def test_a_verb_on_nobody_finds_nobody(app: Flask, verb: object) -> None:
    with pytest.raises(NotFound):
        verb("usrnobody")  # type: ignore[operator]


def test_a_taken_address_cannot_be_moved_to(alice: Person, bob: Person) -> None:
    with pytest.raises(Conflict):
        addresses.change_email(alice.id, bob.email)
    assert users.get(alice.id).email == alice.email


@pytest.mark.parametrize(("q", "found"), [("ali", 1), ("STONE", 1), ("example.test", 3), ("%", 0), ("_", 0), ("", 3)])
def test_search_looks_into_names_and_addresses_and_takes_signs_literally(
    alice: Person, bob: Person, mallory: Person, q: str, found: int
) -> None:
    rows, total = users.page(q)
    assert (len(rows), total) == (found, found)


def test_pages_hold_everybody_once(alice: Person, bob: Person, mallory: Person) -> None:
    seen = [user.id for number in (1, 2, 3) for user in users.page(page=number, limit=1)[0]]
    assert sorted(seen) == sorted([alice.id, bob.id, mallory.id])


def test_a_link_is_a_welcome_before_the_first_password_and_a_reset_after(app: Flask) -> None:
    new = users.create("new@example.test")
    old = users.create("old@example.test", password=PASSWORD)
    assert "/welcome/" in links.access_link(new.id)
    assert "/password/reset/" in links.access_link(old.id)


def test_what_apps_were_given_stays_dead_when_a_disabled_person_comes_back(alice: Person) -> None:
    app = protocol.register(introspect_all=True)
    given = protocol.tokens_for(alice.id, app)
    users.disable(alice.id)
    users.enable(alice.id)
    assert protocol.introspect(app, given["access_token"]).json == {"active": False}
    assert protocol.refresh(app, given["refresh_token"]).error == (400, "invalid_grant")


def test_an_address_is_kept_as_given_and_is_one_however_it_is_spelt(app: object) -> None:
    made = users.create("Straße@Faß.Example", password="a walk along the river bank")
    assert (made.email, made.email_key) == ("Straße@Faß.Example", "straße@xn--fa-hia.example")
    for spelt in ("straße@faß.example", "STRAßE@xn--fa-hia.example", " Straße@FAß.example "):
        found = users.find_by_email(spelt)
        assert found is not None and found.id == made.id, spelt
        with pytest.raises(Conflict):
            users.create(spelt)
    assert users.find_by_email("strasse@fass.example") is None
    users.create("strasse@fass.example")
    assert passwords.check("straße@FAß.example", "a walk along the river bank") is not None
    assert [each.id for each in users.page("faß")[0]] == [made.id]


def test_only_a_mailed_link_proves_an_address(app: object) -> None:
    for number, (mailed, proven) in enumerate(((True, True), (False, False))):
        made = users.create(f"new{number}@example.test", verified=False)
        with database.transaction() as session:
            link = one_time_links.make(session, session.get_one(User, made.id), "welcome", mailed=mailed)
        passwords.set_by_link(link.rpartition("/")[2], "a walk along the river bank", "welcome")
        assert (users.get(made.id).email_verified_at is not None) is proven
    printed = links.welcome_link(users.create("printed@example.test", verified=False).id)
    user = passwords.set_by_link(printed.rpartition("/")[2], "a walk along the river bank", "welcome")
    assert user.email_verified_at is None
    addresses.set_email_verified(user.id, True)
    assert users.get(user.id).email_verified_at is not None


def test_an_invitation_is_an_account_and_its_link_or_neither(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    user, link = users.invite("ivy@example.test")
    assert one_time_links.look(link.rpartition("/")[2], "welcome").user.id == user.id
    assert [each.type for each in audit.page(limit=2)[0]] == ["user.link_created", "user.created"]

    def cut_off(*_given: object, **_named: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(one_time_links, "make", cut_off)
    with pytest.raises(KeyboardInterrupt):
        users.invite("oak@example.test")
    assert users.find_by_email("oak@example.test") is None
