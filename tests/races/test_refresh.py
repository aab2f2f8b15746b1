"""One refresh token used many times at once: one live leaf, with grace and without (security.md E13)."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support import long_sets, parallel
from tests.support.browsing import Answer
from tests.support.served import KINDS, Served
from tests.support.third_party import App

pytestmark = pytest.mark.served
PARALLEL = 100


def at_once(app: App, refresh_token: str, count: int = PARALLEL) -> list[Answer]:
    fields = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    raw = parallel.request(app.issuer + "/oauth/token", fields, app.basic)
    return parallel.volley(app.issuer, [raw] * count)


def first_token(served: Served, app: App) -> str:
    return str(app.tokens(served.browser("alice@example.test"))["refresh_token"])


@pytest.mark.parametrize("served_strictly", long_sets.others_later(KINDS, now="postgresql"), indirect=True)
def test_without_grace_exactly_one_of_a_hundred_succeeds_and_the_family_ends(served_strictly: Served) -> None:
    app = served_strictly.app("Racer")
    answers = at_once(app, first_token(served_strictly, app))
    assert Counter(each.error for each in answers) == {(200, ""): 1, (400, "invalid_grant"): PARALLEL - 1}
    (won,) = (each.json for each in answers if each.status == 200)
    # Grace 0 is strict: a second use ends the family, whoever it was.
    assert app.introspect(won["refresh_token"]) == {"active": False}
    assert app.introspect(won["access_token"]) == {"active": False}


def test_within_the_grace_every_answer_carries_the_same_successor(served: Served) -> None:
    app = served.app("Racer")
    answers = at_once(app, first_token(served, app))
    assert Counter(each.error for each in answers) == {(200, ""): PARALLEL}
    (successor,) = {each.json["refresh_token"] for each in answers}
    assert app.is_active(successor)
    assert app.is_active(answers[0].json["access_token"])


@pytest.mark.parametrize("served", long_sets.others_later(KINDS, now="postgresql"), indirect=True)
def test_fifty_in_parallel_over_a_chain_of_twenty_keep_one_live_leaf(served: Served) -> None:
    app = served.app("Racer")
    token = first_token(served, app)
    chain = [token]
    for _ in range(20):
        answers = at_once(app, token, 50)
        assert Counter(each.error for each in answers) == {(200, ""): 50}
        (token,) = {each.json["refresh_token"] for each in answers}
        chain.append(token)
    assert [app.is_active(each) for each in chain] == [False] * 20 + [True]
    # An ancestor whose successor was used is a theft, grace or not: nobody keeps anything.
    assert app.refresh(chain[3]).error == (400, "invalid_grant")
    assert not app.is_active(token)


def test_another_client_in_the_race_gets_nothing_and_ends_nothing(served: Served) -> None:
    app, mallory = served.app("Racer"), served.app("Evil")
    token = first_token(served, app)
    assert Counter(each.error for each in at_once(mallory, token, 50)) == {(400, "invalid_grant"): 50}
    assert app.refresh(token).status == 200


def test_revocation_during_refreshes_wins(served: Served) -> None:
    app = served.app("Racer")
    token = first_token(served, app)
    refreshes = [
        parallel.request(
            app.issuer + "/oauth/token", {"grant_type": "refresh_token", "refresh_token": token}, app.basic
        )
    ] * 50
    revocation = parallel.request(app.issuer + "/oauth/revoke", {"token": token}, app.basic)
    answers = parallel.volley(app.issuer, [*refreshes[:10], revocation, *refreshes[10:]])
    assert {each.error for each in answers} <= {(200, ""), (400, "invalid_grant")}
    assert answers[10].status == 200
    for each in answers:
        if "access_token" in each.text:
            assert app.introspect(each.json["access_token"]) == {"active": False}
            assert app.introspect(each.json["refresh_token"]) == {"active": False}
