"""One device code, many polls at once, on several processes: one success (RFC 8628 3.5, security.md I3, trap T3)."""

from __future__ import annotations

import dataclasses
import os
import signal
from collections import Counter
from typing import Any

import pytest

from tests.support import long_sets, parallel, served
from tests.support.browsing import Browser
from tests.support.served import KINDS, Served
from tests.support.third_party import App

pytestmark = pytest.mark.served
PARALLEL = 60
GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture
def app(served: Served) -> App:
    return served.app("Racer", "--grant", GRANT, "--grant", "refresh_token")


def begun(app: App) -> dict[str, Any]:
    answer = app.post("/oauth/device_authorization", {"scope": "openid workflows:read"})
    assert answer.status == 200, answer.text
    return dict(answer.json)


def allow(browser: Browser, said: dict[str, Any]) -> None:
    page = browser.submit(browser.open("/device").form("/device"), user_code=said["user_code"])
    done = browser.submit(page.form("/device"), action="allow")
    assert "You can close this window." in done.text, done.text


def polls(app: App, code: str, count: int = PARALLEL) -> list[bytes]:
    fields = {"grant_type": GRANT, "device_code": code}
    return [parallel.request(app.issuer + "/oauth/token", fields, app.basic)] * count


def test_of_many_parallel_polls_exactly_one_succeeds(served: Served, app: App) -> None:
    said = begun(app)
    allow(served.browser("alice@example.test"), said)
    answers = parallel.volley(app.issuer, polls(app, said["device_code"]))
    assert Counter(each.error for each in answers) == {(200, ""): 1, (400, "invalid_grant"): PARALLEL - 1}


def test_while_it_waits_one_of_them_came_in_time_and_every_other_was_too_early(served: Served, app: App) -> None:
    """Section 3.5: `slow_down` counts, however many come at once."""
    said = begun(app)
    answers = parallel.volley(app.issuer, polls(app, said["device_code"], 20))
    assert Counter(each.error for each in answers) == {(400, "authorization_pending"): 1, (400, "slow_down"): 19}


def test_another_client_in_the_race_wins_nothing_and_burns_nothing(served: Served, app: App) -> None:
    mallory, said = served.app("Evil", "--grant", GRANT), begun(app)
    allow(served.browser("alice@example.test"), said)
    answers = parallel.volley(app.issuer, polls(mallory, said["device_code"], 20))
    assert Counter(each.error for each in answers) == {(400, "invalid_grant"): 20}
    assert app.token(grant_type=GRANT, device_code=said["device_code"]).status == 200


def test_allow_and_cancel_at_once_have_one_answer(served: Served, app: App) -> None:
    browser, said = served.browser("alice@example.test"), begun(app)
    page = browser.submit(browser.open("/device").form("/device"), user_code=said["user_code"])
    form = page.form("/device")
    cookie = "; ".join(f"{name}={value}" for name, value in browser.wire.cookies().items())
    raw = [
        parallel.request(served.issuer + form.path, form.filled(action=action), {"Cookie": cookie})
        for action in ("allow", "deny") * 10
    ]
    answers = parallel.volley(served.issuer, raw)
    # More than five codes of one person are on their way at once: what is not yet known to be right may be a guess.
    found = Counter(each.status for each in answers)
    assert found[200] == 1 and found[409] + found[429] == 19, found
    allow(browser, begun(app))
    (won,) = (each for each in answers if each.status == 200)
    told = app.token(grant_type=GRANT, device_code=said["device_code"]).error
    allowed = "is signed in" in won.text
    assert told == ((200, "") if allowed else (400, "access_denied"))


@pytest.mark.parametrize("kind", long_sets.others_later(KINDS, now="postgresql"))
def test_a_server_that_is_killed_forgets_neither_question_nor_answer(kind: str) -> None:
    """What a device asked and what its person answered is in the database, and a used code stays used (E1)."""
    with served.running(kind, workers=1) as first:
        app = first.app("Racer", "--grant", GRANT, "--grant", "refresh_token")
        waiting, allowed, used = (begun(app) for _ in range(3))
        for said in (allowed, used):
            allow(first.browser("alice@example.test"), said)
        assert app.token(grant_type=GRANT, device_code=used["device_code"]).status == 200
        os.killpg(first.process.pid, signal.SIGKILL)
        first.process.wait(20)
        with served.running(kind, workers=1, url=first.environment["AUTHSERVER_DATABASE_URL"]) as second:
            again = dataclasses.replace(app, issuer=second.issuer)
            said = [again.token(grant_type=GRANT, device_code=each["device_code"]) for each in (waiting, allowed, used)]
    assert [each.error for each in said] == [(400, "authorization_pending"), (200, ""), (400, "invalid_grant")]
