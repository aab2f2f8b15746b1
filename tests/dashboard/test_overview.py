"""/: the first page after signing in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from authserver import database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.clients import clients
from authserver.domain.clients.metadata import Registration
from authserver.domain.ground import usage
from authserver.lib import clock
from authserver.models import User, WebhookEndpoint
from tests.conftest import Person
from tests.support import forms, given_up
from tests.support.webhooks import endpoint

Browser = Callable[[], FlaskClient]


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"outbound_allow": ("127.0.0.1",)}


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


def test_the_checklist_leads_to_what_was_given_up(browser: Browser, ada: Person) -> None:
    given_up.mail("mailX")
    assert 'href="/admin/set-aside">Look at them' in page_of(browser, ada)


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
        session.execute(update(User).where(User.id == alice.id).values(chosen_name=name))
    assert "<h1>Hello, " in page_of(browser, alice)


def test_nobody_sees_it_without_signing_in(http: FlaskClient) -> None:
    assert http.get("/").headers["Location"].startswith("/login?")


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"stopped_because": "gone", "stopped_at": 0}, "answered 410 Gone"),
        ({"stopped_because": "failing", "stopped_at": 0}, "nothing arrived for five days"),
        ({"failing_since": -90_000}, "has been failing since"),
        ({"failing_since": -60}, ""),
        ({"stopped_because": "paused", "stopped_at": 0}, ""),
        ({"stopped_because": "gone", "stopped_at": 0, "deleted_at": 0}, ""),
        ({}, ""),
    ],
)
def test_a_webhook_that_gets_nothing_is_told_of(
    browser: Browser, alice: Person, bob: Person, columns: dict[str, Any], said: str
) -> None:
    row = endpoint(alice, "http://127.0.0.1:9/")
    values = {name: value if name.endswith("because") else clock.now() + value for name, value in columns.items()}
    if values:
        with database.transaction() as session:
            session.execute(update(WebhookEndpoint).where(WebhookEndpoint.id == row.id).values(**values))
    page = page_of(browser, alice)
    assert (f'href="/webhooks/{row.id}"' in page) is bool(said)
    assert said in page
    assert "Webhook Hooks" not in page_of(browser, bob)
