"""Pages take so many changes of one person within an hour, so that nobody fills the disk with audit events (E8)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from authserver.domain.api_keys import keys as api_keys
from authserver.domain.limits import changes
from tests.conftest import PASSWORD, Person
from tests.support import forms

Browser = Callable[[], FlaskClient]


@pytest.fixture
def spent(http: FlaskClient, alice: Person, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A browser of Alice's whose changes are used up."""
    monkeypatch.setattr(changes, "ON_PAGES", "2/hour")
    forms.sign_in(http, alice.email, alice.password)
    for name in ("One", "Two"):
        assert forms.submit(http, "/settings/profile", name=name).status_code == 303
    return http


def test_one_change_too_many_is_told_when_to_go_on(spent: FlaskClient) -> None:
    answer = forms.submit(spent, "/settings/profile", name="Three")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 3600
    assert "Try again in " in answer.get_data(as_text=True)
    assert 'value="Two"' in spent.get("/settings/profile").get_data(as_text=True)


def test_it_is_the_persons_in_every_browser_and_nobody_elses(
    spent: FlaskClient, browser: Browser, alice: Person, bob: Person
) -> None:
    for person, status in ((alice, 429), (bob, 303)):
        http = browser()
        forms.sign_in(http, person.email, person.password)
        assert forms.submit(http, "/settings/profile", name="Other").status_code == status


def test_a_post_without_its_forms_token_spends_nothing(
    browser: Browser, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another site's page sends no token, and would spend a visitor's budget."""
    monkeypatch.setattr(changes, "ON_PAGES", "1/hour")
    http = browser()
    forms.sign_in(http, alice.email, alice.password)
    for _ in range(3):
        assert http.post("/settings/profile", data={"name": "Forged"}).status_code == 400
    assert forms.submit(http, "/settings/profile", name="Own").status_code == 303


def test_who_is_being_robbed_still_ends_everything(spent: FlaskClient, browser: Browser, alice: Person) -> None:
    key, _ = api_keys.create(alice.user, api_keys.Wish("CI", "read_only"))
    forms.sign_in(browser(), alice.email, alice.password)
    path = f"/settings/api-keys/{key.id}/revoke"
    assert forms.submit(spent, path).status_code == 303
    assert forms.submit(spent, "/settings/sessions", "/settings/sessions/end-others").status_code == 303
    change = {"current_password": PASSWORD, "new_password": "seven green lanterns drift"}
    assert forms.submit(spent, "/settings/security", "/settings/security/password", **change).status_code == 303
    assert forms.submit(spent, "/logout").status_code == 303
