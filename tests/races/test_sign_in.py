"""Guessing in parallel buys no more guesses than guessing in turn (security.md 6.3.1, contract.md 11.26)."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support import parallel
from tests.support.browsing import Browser
from tests.support.served import PASSWORD, Served

pytestmark = pytest.mark.served
LIMIT = 10  # login_failures_per_account


def guess(browser: Browser, email: str, password: str) -> bytes:
    form = browser.open("/login").form("/login")
    cookie = "; ".join(f"{name}={value}" for name, value in browser.wire.cookies().items())
    fields = form.filled(email=email, password=password)
    return parallel.request(browser.issuer + form.path, fields, {"Cookie": cookie})


@pytest.mark.parametrize("known", [True, False], ids=["an account", "a name that does not exist"])
def test_a_hundred_parallel_guesses_reach_the_password_ten_times(served: Served, known: bool) -> None:
    email = f"victim-{known}@example.test".lower()
    if known:
        served.user(email)
    raw = guess(served.browser(), email, "not the password at all")
    answers = parallel.volley(served.issuer, [raw] * 100)
    counted = Counter(each.status for each in answers)
    assert set(counted) <= {422, 429, 503}, counted
    # 503: too many hash already; the password was not looked at, and the place in the budget is taken all the same.
    assert counted[422] <= LIMIT, counted
    assert counted[429] >= 1, counted
    assert all(int(each.header("Retry-After")) > 0 for each in answers if each.status == 429)


def test_the_true_person_on_a_known_device_gets_in_while_others_guess(served: Served) -> None:
    email = "besieged@example.test"
    own = served.browser(email)
    raw = guess(served.browser(), email, "not the password at all")
    parallel.volley(served.issuer, [raw] * 40)
    own.fill("/", "/logout")
    assert own.sign_in(email, PASSWORD).status == 200
    assert "session" in " ".join(own.wire.cookies())
