"""/welcome/<token>: the first password, and the demo's way in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authserver import database
from authserver.domain.ground import one_time_links
from authserver.domain.people import links, sessions, sign_ins, users
from authserver.domain.people.credentials import passwords
from tests.conftest import Person
from tests.support import forms

NEW = "seven green lanterns drift"
Browser = Callable[[], FlaskClient]


@pytest.fixture
def welcome(app: Flask) -> str:
    link = links.welcome_link(users.create("new@example.test", "New Person").id)
    return link.removeprefix("http://localhost:8000")


def test_the_page_shows_whose_account_it_is_and_uses_nothing_up(http: FlaskClient, welcome: str) -> None:
    for _ in range(2):
        html = http.get(welcome).get_data(as_text=True)
        assert "New Person" in html
        assert "new@example.test" in html


def test_the_button_sets_the_password_and_signs_in(http: FlaskClient, welcome: str) -> None:
    response = forms.submit(http, welcome, new_password=NEW)
    assert (response.status_code, response.location) == (303, "/")
    assert "new@example.test" in http.get("/settings/profile").get_data(as_text=True)
    user = users.find_by_email("new@example.test")
    assert user is not None
    assert user.email_verified_at is not None


def test_it_works_once(browser: Browser, welcome: str) -> None:
    forms.submit(browser(), welcome, new_password=NEW)
    assert browser().get(welcome).status_code == 404


def test_a_newer_link_replaces_the_older_one(http: FlaskClient, welcome: str) -> None:
    user = users.find_by_email("new@example.test")
    assert user is not None
    links.welcome_link(user.id)
    assert http.get(welcome).status_code == 404


@pytest.mark.parametrize("password", ["", "short", "newperson", "password1"])
def test_a_weak_password_is_refused(http: FlaskClient, welcome: str, password: str) -> None:
    response = forms.submit(http, welcome, new_password=password)
    assert response.status_code == 422
    assert http.get("/settings/profile").status_code == 303


def test_a_post_from_elsewhere_is_refused(http: FlaskClient, welcome: str) -> None:
    assert http.post(welcome, data={"new_password": NEW}).status_code == 400
    assert http.get(welcome).status_code == 200


def test_the_demos_link_signs_in_with_a_button(browser: Browser, ada: Person) -> None:
    path = links.sign_in_link(ada.id).removeprefix("http://localhost:8000")
    http = browser()
    assert 'type="password"' not in http.get(path).get_data(as_text=True)
    assert http.get("/settings/profile").status_code == 303
    assert forms.submit(http, path).location == "/"
    assert ada.email in http.get("/settings/profile").get_data(as_text=True)
    assert browser().get(path).status_code == 404


@pytest.mark.parametrize("token", ["x", "x" * 43, "%00", "../login", "é"])
def test_no_such_link(http: FlaskClient, token: str) -> None:
    assert http.get(f"/welcome/{token}").status_code in {404, 308}


def test_whose_new_password_was_taken_back_before_the_answer_is_not_signed_in(
    http: FlaskClient, welcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mailed "This wasn't me" wins over whoever got hold of the link."""
    user = users.find_by_email("new@example.test")
    assert user is not None
    with database.transaction() as session:
        link = one_time_links.make(session, user, "not_me")
    setting = passwords.set_by_link

    def meanwhile(*given: str, **more: bytes) -> users.User:
        changed = setting(*given, **more)
        sign_ins.disown_sign_in(link.rpartition("/")[2])
        return changed

    monkeypatch.setattr(passwords, "set_by_link", meanwhile)
    assert forms.submit(http, welcome, new_password=NEW).status_code == 403
    assert sessions.list_for(user.id) == []
