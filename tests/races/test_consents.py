"""One consent form sent many times at once: one code (security.md I3, contract.md 11.7 and 11.12)."""

from __future__ import annotations

from collections import Counter
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support import parallel
from tests.support.served import Served
from tests.support.third_party import App

pytestmark = pytest.mark.served
PARALLEL = 100


@pytest.fixture
def app(served: Served) -> App:
    return served.app("Racer")


def test_of_a_hundred_parallel_posts_of_one_consent_form_exactly_one_gets_a_code(served: Served, app: App) -> None:
    browser = served.browser("alice@example.test")
    asked = app.ask()
    form = browser.open(asked.url).form("/oauth/authorize/consent")
    cookie = "; ".join(f"{name}={value}" for name, value in browser.wire.cookies().items())
    raw = parallel.request(served.issuer + form.path, form.filled(action="allow"), {"Cookie": cookie})
    answers = parallel.volley(served.issuer, [raw] * PARALLEL)
    assert Counter(each.status for each in answers) == {303: 1, 409: PARALLEL - 1}
    (won,) = (each for each in answers if each.status == 303)
    assert won.parameters["state"] == asked.state
    assert app.redeem(won.parameters["code"], asked.verifier).status == 200


def test_allow_and_cancel_at_once_have_one_answer(served: Served, app: App) -> None:
    browser = served.browser("alice@example.test")
    asked = app.ask(prompt="consent")
    form = browser.open(asked.url).form("/oauth/authorize/consent")
    cookie = "; ".join(f"{name}={value}" for name, value in browser.wire.cookies().items())
    raw = [
        parallel.request(served.issuer + form.path, form.filled(action=action), {"Cookie": cookie})
        for action in ("allow", "deny") * 50
    ]
    answers = parallel.volley(served.issuer, raw)
    assert Counter(each.status for each in answers) == {303: 1, 409: PARALLEL - 1}
    (won,) = (each for each in answers if each.status == 303)
    assert ("code" in won.parameters) != (won.parameters.get("error") == "access_denied")


def test_many_tabs_of_one_browser_each_get_their_own_code(served: Served, app: App) -> None:
    browser = served.browser("alice@example.test")
    app.tokens(browser)
    cookie = "; ".join(f"{name}={value}" for name, value in browser.wire.cookies().items())
    asked = [app.ask() for _ in range(100)]
    host = urlsplit(served.issuer).netloc
    raw = [
        f"GET {each.url.removeprefix(served.issuer)} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n"
        "Connection: close\r\n\r\n".encode()
        for each in asked
    ]
    answers = parallel.volley(served.issuer, raw)
    assert Counter(each.status for each in answers) == {303: 100}
    assert [each.parameters["state"] for each in answers] == [each.state for each in asked]
    assert len({parse_qs(urlsplit(each.location).query)["code"][0] for each in answers}) == 100
