"""/: the first page after signing in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from authserver import database
from authserver.domain import api_keys, clients, usage
from authserver.domain.client_metadata import Registration
from authserver.models import User
from tests.conftest import Person
from tests.support import forms

Browser = Callable[[], FlaskClient]


def page_of(browser: Browser, person: Person) -> str:
    http = browser()
    forms.sign_in(http, person.email, person.password)
    answer = http.get("/")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_somebody_new_gets_three_steps_instead_of_empty_charts(browser: Browser, alice: Person) -> None:
    page = page_of(browser, alice)
    assert "Hello, Alice" in page
    for link in ("/apps/new", "/settings/api-keys/new", "/audit"):
        assert f'href="{link}"' in page
    assert '<svg viewBox="0 0 600' not in page


def test_figures_are_those_of_the_persons_own_apps(browser: Browser, alice: Person, bob: Person) -> None:
    app_, _ = clients.register(alice.user, Registration(name="Notes", kind="machine"))
    usage.count(usage.TOKENS, f"client:{app_.id}", 1234)
    usage.count(usage.TOKENS, "client:other", 5000)
    usage.flush()
    page = page_of(browser, alice)
    assert "<b>1,234</b>" in page
    assert "View as table" in page
    assert "6,234" not in page
    clients.register(bob.user, Registration(name="Bobs", kind="machine"))
    assert "1,234" not in page_of(browser, bob)


def test_an_administrator_sees_all_figures_and_the_checklist(browser: Browser, alice: Person, ada: Person) -> None:
    usage.count(usage.TOKENS, "client:other", 5000)
    usage.flush()
    clients.register(alice.user, Registration(name="Notes", kind="machine"))
    page = page_of(browser, ada)
    assert "<b>5,000</b>" in page
    assert "Ready for production" in page
    assert "AUTHSERVER_SMTP_URL" in page


def test_the_checklist_is_for_administrators(browser: Browser, alice: Person) -> None:
    assert "Ready for production" not in page_of(browser, alice)


def test_recent_events_are_told(browser: Browser, alice: Person) -> None:
    api_keys.create(alice.user, api_keys.Wish("Cellar <b>", "read_only"))
    page = page_of(browser, alice)
    assert "You signed in" in page
    assert "the key “Cellar &lt;b&gt;”" in page


@pytest.mark.parametrize("name", ["", " ", "Ünal Öz", "<i>x</i>"])
def test_whatever_a_person_is_called_the_page_greets(browser: Browser, alice: Person, name: str) -> None:
    with database.transaction() as session:
        session.execute(update(User).where(User.id == alice.id).values(name=name))
    assert "<h1>Hello, " in page_of(browser, alice)


def test_nobody_sees_it_without_signing_in(http: FlaskClient) -> None:
    assert http.get("/").headers["Location"].startswith("/login?")
