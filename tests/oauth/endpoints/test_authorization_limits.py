"""How many authorization requests are kept for one network, and who is not hurt by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from authserver import database
from authserver.lib import clock
from authserver.models import AuthorizationRequest
from tests.conftest import Person
from tests.support import authorizing
from tests.support.authorizing import asking, authorize, sign_in

LIMIT = 3
Browsers = Callable[[], FlaskClient]


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"authorization_requests_per_address": LIMIT}


@pytest.fixture(autouse=True)
def notes(app: Any) -> str:
    return authorizing.make_app()


def stored() -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(AuthorizationRequest)) or 0


def by_post(http: FlaskClient) -> TestResponse:
    return http.post("/oauth/authorize", data=asking())


def by_link(http: FlaskClient) -> TestResponse:
    return authorize(http)


def use_up(browser: Browsers) -> None:
    for _ in range(LIMIT):
        assert authorize(browser()).status_code == 303


@pytest.mark.parametrize("ask", [by_link, by_post])
def test_a_network_that_begins_very_many_is_told_when_to_come_back(
    browser: Browsers, ask: Callable[[FlaskClient], TestResponse]
) -> None:
    use_up(browser)

    refused = ask(browser())

    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 600
    assert "Too many sign-ins at once" in refused.text and "Try again in 10 min" in refused.text
    assert "Location" not in refused.headers


def test_what_is_refused_is_not_stored(browser: Browsers) -> None:
    use_up(browser)
    for _ in range(5):
        authorize(browser())

    assert stored() == LIMIT


def test_links_that_are_never_stored_are_not_counted(browser: Browsers) -> None:
    for _ in range(LIMIT + 2):
        assert authorize(browser(), client_id="nobody").status_code == 400
        assert authorize(browser(), response_type="token").status_code == 303

    use_up(browser)


def test_who_is_signed_in_is_not_hurt_by_strangers_behind_the_same_address(browser: Browsers, alice: Person) -> None:
    use_up(browser)
    hers = browser()
    sign_in(hers, alice)

    assert authorize(hers).status_code == 303


def test_who_is_signed_in_has_a_limit_too_and_bob_has_his_own(browser: Browsers, mallory: Person, bob: Person) -> None:
    theirs, his = browser(), browser()
    sign_in(theirs, mallory)
    sign_in(his, bob)
    answers = [authorize(theirs).status_code for _ in range(LIMIT + 1)]

    assert answers == [303] * LIMIT + [429]
    assert authorize(his).status_code == 303


def test_another_network_does_not_wait(browser: Browsers) -> None:
    use_up(browser)
    elsewhere = browser().get(
        "/oauth/authorize?" + urlencode(asking()), environ_overrides={"REMOTE_ADDR": "198.51.100.9"}
    )

    assert elsewhere.status_code == 303


def test_neighbours_of_one_ipv6_subscriber_are_one_network(browser: Browsers) -> None:
    answers = [
        browser().get("/oauth/authorize?" + urlencode(asking()), environ_overrides={"REMOTE_ADDR": f"2001:db8::{n}"})
        for n in range(1, LIMIT + 2)
    ]

    assert [answer.status_code for answer in answers] == [303] * LIMIT + [429]


def test_a_request_that_was_begun_goes_on_while_new_ones_wait(browser: Browsers) -> None:
    first = browser()
    sign_in_page = authorize(first).location
    for _ in range(LIMIT):
        authorize(browser())

    assert first.get(sign_in_page).status_code == 200


def test_the_wait_ends(browser: Browsers, monkeypatch: pytest.MonkeyPatch) -> None:
    use_up(browser)
    assert authorize(browser()).status_code == 429
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + 601)
    monkeypatch.setattr(clock, "now_us", lambda: (now + 601) * 1_000_000)

    assert authorize(browser()).status_code == 303


def test_who_has_many_networks_of_ipv6_begins_no_more_than_a_few_subscribers(browser: Browsers) -> None:
    asked = [
        browser().get("/oauth/authorize?" + urlencode(asking()), environ_base={"REMOTE_ADDR": f"2001:db8:1:{n:x}::1"})
        for n in range(4 * LIMIT + 2)
    ]
    assert [each.status_code for each in asked] == [303] * 4 * LIMIT + [429] * 2
    assert stored() == 4 * LIMIT
