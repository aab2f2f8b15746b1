"""One code, many redemptions at once, on several processes: one success (security.md E12, trap T1)."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support import parallel
from tests.support.served import Served
from tests.support.third_party import App

pytestmark = pytest.mark.served
PARALLEL = 100


@pytest.fixture
def app(served: Served) -> App:
    return served.app("Racer")


def redemptions(app: App, code: str, verifier: str, count: int = PARALLEL) -> list[bytes]:
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": app.redirect_uri,
        "code_verifier": verifier,
    }
    return [parallel.request(app.issuer + "/oauth/token", fields, app.basic)] * count


def test_of_a_hundred_parallel_redemptions_exactly_one_succeeds(served: Served, app: App) -> None:
    """Who lost revokes nothing if it had waited for a thread: see tests/edge/test_arrivals.py."""
    code, asked = app.code(served.browser("alice@example.test"))
    answers = parallel.volley(app.issuer, redemptions(app, code, asked.verifier))
    assert Counter(each.error for each in answers) == {(200, ""): 1, (400, "invalid_grant"): PARALLEL - 1}


def test_a_replay_after_the_race_revokes_what_the_winner_got(served: Served, app: App) -> None:
    code, asked = app.code(served.browser("alice@example.test"))
    answers = parallel.volley(app.issuer, redemptions(app, code, asked.verifier))
    (won,) = (each.json for each in answers if each.status == 200)
    assert app.redeem(code, asked.verifier).error == (400, "invalid_grant")
    assert app.introspect(won["access_token"]) == {"active": False}
    assert app.introspect(won["refresh_token"]) == {"active": False}
    assert app.refresh(won["refresh_token"]).error == (400, "invalid_grant")


def test_every_code_of_many_flows_at_once_succeeds_once(served: Served, app: App) -> None:
    browser = served.browser("alice@example.test")
    flows = [app.code(browser) for _ in range(10)]
    raw = [each for code, asked in flows for each in redemptions(app, code, asked.verifier, 10)]
    answers = parallel.volley(app.issuer, raw[0::2] + raw[1::2])
    assert Counter(each.error for each in answers) == {(200, ""): 10, (400, "invalid_grant"): 90}
    assert len({each.json["access_token"] for each in answers if each.status == 200}) == 10


def test_another_client_in_the_race_wins_nothing_and_burns_nothing(served: Served, app: App) -> None:
    mallory = served.app("Evil")
    code, asked = app.code(served.browser("alice@example.test"))
    theirs = redemptions(mallory, code, asked.verifier, 50)
    answers = parallel.volley(app.issuer, theirs)
    assert Counter(each.error for each in answers) == {(400, "invalid_grant"): 50}
    assert app.redeem(code, asked.verifier).status == 200
