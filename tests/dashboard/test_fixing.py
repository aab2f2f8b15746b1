"""Why did this fail? Where two values differ, and the edit form filled in for who may change the app."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authserver.domain.clients import clients
from authserver.domain.insight import refusals, remedies
from tests.conftest import Person
from tests.support import authorizing, protocol
from tests.support.authorizing import CALLBACK, asking, sign_in

NEITHER: dict[str, Any] = {"code_challenge": None, "code_challenge_method": None}


def checked(expected: str, received: str, check: str = "redirect uri") -> dict[str, Any]:
    return {"check": check, "ok": False, "expected": expected, "received": received}


@pytest.mark.parametrize(
    ("expected", "received", "sentence"),
    [
        (CALLBACK, CALLBACK + "/", "the slash at the end alone"),
        (CALLBACK, CALLBACK.replace("callback", "Callback"), "upper and lower case, first at character 27"),
        (CALLBACK, CALLBACK.replace("https", "http"), "the same up to character 4"),
        (CALLBACK, CALLBACK + "?x=1", "goes on after character 34"),
        (CALLBACK, CALLBACK[:-4], "ends after character 30"),
        ("https://other.example/ or " + CALLBACK, CALLBACK + "2", "goes on after character 34"),
    ],
)
def test_two_values_are_compared_character_by_character(expected: str, received: str, sentence: str) -> None:
    found = remedies.compare(checked(expected, received))
    assert found is not None and sentence in found.sentence
    assert "".join(piece.text for piece in found.expected) in expected
    assert "".join(piece.text for piece in found.received) == received
    assert [piece.text for piece in found.expected if piece.same] == [p.text for p in found.received if p.same]


def test_what_has_no_second_value_is_not_compared() -> None:
    for check in (checked(CALLBACK, "(nothing)"), checked("", "x"), checked("a", "b", "client secret")):
        assert remedies.compare(check) is None
    assert remedies.compare({**checked("a", "b"), "ok": True}) is None


def refused(browser: FlaskClient, **changes: Any) -> str:
    """Send a bad request; the id of its explanation."""
    answer = browser.get("/oauth/authorize?" + urlencode(asking(**changes)))
    found = re.search(r"req\w{20}", answer.headers["X-Request-Id"])
    assert found is not None
    refusals.flush()
    return found[0]


FIXES = (
    ({"redirect_uri": "https://notes.example.com/other"}, "Add this redirect URI", "edit"),
    (NEITHER, "Let this app sign in without PKCE", "edit"),
    ({"scope": "analytics:read"}, "Allow this scope", "scopes"),
)


@pytest.mark.parametrize(("changes", "label", "page"), FIXES)
def test_a_fix_opens_the_form_filled_in_and_changes_nothing_before_it_is_saved(
    app: Flask, http: FlaskClient, alice: Person, changes: dict[str, Any], label: str, page: str
) -> None:
    authorizing.make_app(owner_id=alice.id)
    sign_in(http, alice)
    request_id = refused(http, **changes)
    why = http.get(f"/errors/{request_id}").text
    assert label in why
    target = f"/apps/notes/{page}?fix={request_id}"
    assert f'href="{target}"' in why
    before = clients.get("notes")
    form = http.get(target)
    assert form.status_code == 200 and "Filled in from a refused request." in form.text
    assert {
        "Add this redirect URI": 'value="https://notes.example.com/other"',
        "Let this app sign in without PKCE": 'checked id="require_pkce-2"',
        "Allow this scope": 'value="analytics:read"',
    }[label] in form.text
    assert clients.get("notes") == before


@pytest.mark.parametrize(("changes", "label", "page"), FIXES)
def test_no_fix_is_offered_for_a_request_that_anybody_could_have_sent(
    app: Flask,
    browser: Callable[[], FlaskClient],
    alice: Person,
    mallory: Person,
    changes: dict[str, Any],
    label: str,
    page: str,
) -> None:
    authorizing.make_app(owner_id=alice.id)
    hers, stranger, his = browser(), browser(), browser()
    sign_in(hers, alice)
    sign_in(his, mallory)
    for sender in (stranger, his):
        request_id = refused(sender, **changes)
        why = hers.get(f"/errors/{request_id}")
        assert why.status_code == 200 and "Fix it" not in why.text
        assert "Filled in" not in hers.get(f"/apps/notes/{page}?fix={request_id}").text
        assert his.get(f"/errors/{request_id}").status_code == 404
    own = refused(hers, **changes)
    assert his.get(f"/apps/notes/{page}?fix={own}").status_code == 404


def test_a_client_that_proved_itself_may_lead_to_a_fix_and_no_other(
    app: Flask, alice: Person, http: FlaskClient
) -> None:
    made = protocol.register(owner_id=alice.id, scopes=["workflows:read"])
    sign_in(http, alice)
    for header, offered in ((made.basic, True), (protocol.basic(made.id, "wrong"), False)):
        body = {"grant_type": "client_credentials", "scope": "analytics:read"}
        answer = http.post("/oauth/token", data=body, headers=header)
        refusals.flush()
        why = http.get(f"/errors/{answer.headers['X-Request-Id']}").text
        assert ("Allow this scope" in why) is offered


def test_an_address_that_was_taken_away_meanwhile_is_offered_to_the_owner_whose_sign_in_it_was_alone(
    app: Flask, browser: Callable[[], FlaskClient], alice: Person, bob: Person
) -> None:
    authorizing.make_app(owner_id=alice.id)
    hers, his = browser(), browser()
    sign_in(hers, alice)
    sign_in(his, bob)
    begun = {each: each.get("/oauth/authorize?" + urlencode(asking())).location for each in (hers, his)}
    authorizing.change_app(redirect_uris=["https://notes.example.com/new"])
    for sender, offered in ((his, False), (hers, True)):
        answer = sender.get(begun[sender])
        assert answer.status_code == 400 and CALLBACK not in answer.text
        refusals.flush()
        why = hers.get(f"/errors/{answer.headers['X-Request-Id']}").text
        assert ("Add this redirect URI" in why) is offered


def test_nothing_that_widens_is_offered_for_an_answer_that_a_browser_kept(
    app: Flask, http: FlaskClient, alice: Person
) -> None:
    made = protocol.register(owner_id=alice.id)
    sign_in(http, alice)
    headers = {**made.basic, "Origin": "https://evil.example"}
    answer = app.test_client().post("/oauth/token", data={"grant_type": "client_credentials"}, headers=headers)
    refusals.flush()
    why = http.get(f"/errors/{answer.headers['X-Request-Id']}").text
    assert (answer.status_code, "https://evil.example" in why, "Fix it" in why) == (200, True, False)
