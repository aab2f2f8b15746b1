"""/settings/security: changing one's password."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import time_machine
from flask.testing import FlaskClient

from authserver import database
from authserver.domain.ground import one_time_links
from authserver.domain.people import links, sessions, sign_ins, users
from authserver.domain.people.credentials import passwords
from authserver.domain.tokens import disowning
from authserver.lib import clock
from authserver.observability import context
from authserver.observability.context import Context
from tests.conftest import PASSWORD, Person
from tests.support import forms

NEW = "seven green lanterns drift"
PAGE, ACTION = "/settings/security", "/settings/security/password"
Browser = Callable[[], FlaskClient]


@pytest.fixture
def overrides() -> dict[str, object]:
    return {"login_failures_per_account": 4}


def test_old_and_new_change_it_and_this_browser_gets_a_new_session(browser: Browser, alice: Person) -> None:
    here, there = browser(), browser()
    forms.sign_in(there, alice.email, PASSWORD)
    forms.sign_in(here, alice.email, PASSWORD)
    before = here.get_cookie("authserver_session")
    assert before is not None
    response = forms.submit(here, PAGE, ACTION, current_password=PASSWORD, new_password=NEW)
    assert (response.status_code, response.location) == (303, PAGE)
    assert here.get(PAGE).status_code == 200
    assert there.get(PAGE).status_code == 303
    assert sessions.resolve(before.value) is None
    assert forms.sign_in(browser(), alice.email, NEW).status_code == 303


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"new_password": NEW}, "Enter your current password."),
        ({"current_password": PASSWORD}, "Choose a new password."),
        ({"current_password": "wrong", "new_password": NEW}, "This is not your current password."),
        ({"current_password": PASSWORD, "new_password": "short"}, "Use at least 8 characters."),
        ({"current_password": PASSWORD, "new_password": "alice martin"}, "mostly your name"),
        ({"current_password": PASSWORD, "new_password": "password1"}, "most common"),
        ({"current_password": PASSWORD, "new_password": "x" * 1025}, "at most 1024"),
    ],
)
def test_what_is_refused_changes_nothing(
    http: FlaskClient, browser: Browser, alice: Person, fields: dict[str, str], message: str
) -> None:
    forms.sign_in(http, alice.email, PASSWORD)
    response = forms.submit(http, PAGE, ACTION, **fields)
    html = response.get_data(as_text=True)
    assert response.status_code == 422
    assert message in html
    assert not any(value in html for value in fields.values() if len(value) > 8)
    assert forms.sign_in(browser(), alice.email, PASSWORD).status_code == 303


def test_guesses_are_slowed_down_like_sign_ins(http: FlaskClient, alice: Person) -> None:
    forms.sign_in(http, alice.email, PASSWORD)
    answers = [
        forms.submit(http, PAGE, ACTION, current_password=f"guess {number}", new_password=NEW).status_code
        for number in range(6)
    ]
    assert answers == [422] * 4 + [429] * 2


def test_a_post_without_the_forms_token_changes_nothing(http: FlaskClient, browser: Browser, alice: Person) -> None:
    forms.sign_in(http, alice.email, PASSWORD)
    data = {"current_password": PASSWORD, "new_password": NEW}
    assert http.post(ACTION, data=data).status_code == 400
    assert forms.sign_in(browser(), alice.email, PASSWORD).status_code == 303


def test_fields_are_masked_and_named_for_password_managers(http: FlaskClient, alice: Person) -> None:
    forms.sign_in(http, alice.email, PASSWORD)
    html = http.get(PAGE).get_data(as_text=True)
    assert 'autocomplete="current-password"' in html
    assert 'autocomplete="new-password"' in html
    assert html.count('type="password"') == 2


def test_the_history_shows_failed_sign_ins_to_their_person_alone(
    browser: Browser, alice: Person, mallory: Person
) -> None:
    forms.sign_in(browser(), alice.email, "wrong")
    hers, his = browser(), browser()
    forms.sign_in(hers, alice.email, PASSWORD)
    forms.sign_in(his, mallory.email, PASSWORD)
    assert "Failed sign-in" in hers.get(PAGE).get_data(as_text=True)
    assert "Failed sign-in" not in his.get(PAGE).get_data(as_text=True)


def test_a_thief_whose_change_is_disowned_while_it_is_answered_gets_no_session(
    http: FlaskClient, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    forms.sign_in(http, alice.email, PASSWORD)
    with database.transaction() as session:
        link = one_time_links.make(session, alice.user, "not_me")
    looked = disowning.first_sign_in

    def meanwhile(user_id: str) -> int:
        sign_ins.disown_sign_in(link.rpartition("/")[2])
        return looked(user_id)

    monkeypatch.setattr(disowning, "first_sign_in", meanwhile)
    assert forms.submit(http, PAGE, ACTION, current_password=PASSWORD, new_password=NEW).status_code == 403
    assert sessions.list_for(alice.id) == []


def test_from_where_an_administrator_ended_sessions_is_not_told(http: FlaskClient, alice: Person, ada: Person) -> None:
    """From where somebody guessed is."""
    with context.using(Context(ip="198.51.100.79", actor=f"user:{ada.id}")):
        links.access_link(alice.id)
    with context.using(Context(ip="203.0.113.9")):
        passwords.check(alice.email, "wrong")
    forms.sign_in(http, alice.email, PASSWORD)
    page = http.get(PAGE).get_data(as_text=True)
    assert "One-time link made for this account" in page and "198.51.100.79" not in page
    assert "203.0.113.9" in page


def test_to_end_what_is_other_peoples_takes_a_fresh_proof(http: FlaskClient, ada: Person) -> None:
    with time_machine.travel(clock.now(), tick=False) as moment:
        forms.sign_in(http, ada.email, PASSWORD)
        with context.using(Context(actor=f"user:{ada.id}")):
            made = users.create("carol@example.test")
        moment.shift(301)
        page = "/settings/security/review"
        form = forms.form_on(http.get(page).get_data(as_text=True), page)
        assert form.values["end"] == f"person:{made.id}"
        asked = forms.post(http, form)
        assert asked.location and asked.location.startswith("/login/confirm")
        assert users.get(made.id).disabled_at is None
        forms.submit(http, "/login/confirm?next=/", "/login/confirm", password=PASSWORD)
        assert forms.submit(http, page).status_code == 303
        assert users.get(made.id).disabled_at is not None
