"""What /oauth/authorize takes, what it refuses, and where each refusal is shown."""

from __future__ import annotations

import dataclasses
import html
import json
import re
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, update

from authserver import config, database
from authserver.domain.ground import cache
from authserver.domain.people import departures, users
from authserver.lib import clock, pkce
from authserver.models import AuthorizationRequest, CacheVersion, Grant, Resource, SignInSession
from tests.support import authorizing
from tests.support.authorizing import API, CALLBACK, VERIFIER, answer_of, asking, authorize, followed, sign_in
from tests.support.tables import rows

ISSUER = "http://localhost:8000"


@pytest.fixture
def notes(app: Any) -> str:
    return authorizing.make_app()


def stored() -> list[AuthorizationRequest]:
    with database.reading() as session:
        return list(session.query(AuthorizationRequest))


def is_our_page(response: Any) -> bool:
    return response.status_code == 400 and "Location" not in response.headers and "<form" in response.text


# What is wrong with the client or the redirect URI, and so must never leave this host.
UNTRUSTED = {
    "no client_id": {"client_id": None},
    "an unknown client_id": {"client_id": "nobody"},
    "a client_id of 10,000 characters": {"client_id": "n" * 10_000},
    "a client_id with markup": {"client_id": "<script>alert(1)</script>"},
    "two client_ids": {"client_id": ["notes", "notes"]},
    "another host": {"redirect_uri": "https://evil.example/callback"},
    "another path": {"redirect_uri": CALLBACK + "/x"},
    "a trailing slash": {"redirect_uri": CALLBACK + "/"},
    "another case": {"redirect_uri": CALLBACK.replace("callback", "Callback")},
    "an encoded character": {"redirect_uri": CALLBACK.replace("c", "%63", 1)},
    "a query": {"redirect_uri": CALLBACK + "?x=1"},
    "a fragment": {"redirect_uri": CALLBACK + "#x"},
    "dot segments": {"redirect_uri": "https://notes.example.com/x/../callback"},
    "user information": {"redirect_uri": "https://notes.example.com@evil.example/callback"},
    "a port": {"redirect_uri": "https://notes.example.com:443/callback"},
    "http": {"redirect_uri": CALLBACK.replace("https", "http")},
    "a space before": {"redirect_uri": " " + CALLBACK},
    "a newline after": {"redirect_uri": CALLBACK + "\n"},
    "a backslash": {"redirect_uri": "https://notes.example.com\\@evil.example/callback"},
    "javascript": {"redirect_uri": "javascript:alert(1)"},
    "a relative path": {"redirect_uri": "/callback"},
    "two redirect URIs": {"redirect_uri": [CALLBACK, CALLBACK]},
    "no redirect URI for openid": {"redirect_uri": None, "scope": "openid"},
}


@rows("changes", UNTRUSTED.values())
@rows("also", [{}, {"response_type": "token"}, {"scope": "nothing"}, {"code_challenge": None}, {"prompt": "none"}])
def test_nothing_leaves_this_host_before_client_and_redirect_uri_are_verified(
    notes: str, http: FlaskClient, changes: dict[str, Any], also: dict[str, Any]
) -> None:
    response = authorize(http, **also | changes)

    assert is_our_page(response)
    assert not stored()


def test_the_page_of_an_untrusted_link_holds_markup_only_as_text(notes: str, http: FlaskClient) -> None:
    response = authorize(http, redirect_uri='"><script>alert(1)</script>')

    assert "<script>alert(1)" not in response.text
    assert "&lt;script&gt;alert(1)" in response.text


def test_a_disabled_client_gets_a_page(notes: str, http: FlaskClient) -> None:
    authorizing.change_app(disabled_at=clock.now())

    assert is_our_page(authorize(http))


OWNERS_END = {"disabled": users.disable, "deleted": departures.delete}


@pytest.mark.parametrize("end", OWNERS_END)
def test_people_are_told_that_the_owner_is_why_an_app_is_stopped(
    notes: str, http: FlaskClient, alice: Any, bob: Any, end: str
) -> None:
    authorizing.change_app(owner_id=bob.id)
    sign_in(http, alice)
    asked = followed(http, authorize(http))
    OWNERS_END[end](bob.id)
    cache.forget()
    answers = authorize(http), authorizing.answer_consent(http, asked)

    for answer in answers:
        assert answer.status_code == 400 and "Location" not in answer.headers
    assert "the account of its owner is disabled or deleted" in answers[0].text


def test_a_deleted_client_gets_a_page(notes: str, http: FlaskClient) -> None:
    authorizing.change_app(deleted_at=clock.now())

    assert is_our_page(authorize(http))


def test_only_the_owner_is_told_which_redirect_uris_are_registered(
    notes: str, http: FlaskClient, alice: Any, mallory: Any
) -> None:
    authorizing.change_app(owner_id=alice.id)
    for person, told in ((mallory, False), (alice, True)):
        sign_in(http, person)
        assert (CALLBACK in authorize(http, redirect_uri="https://other.example/").text) is told


def test_without_redirect_uri_the_only_registered_one_is_meant(notes: str, http: FlaskClient, alice: Any) -> None:
    sign_in(http, alice)

    response = authorize(http, redirect_uri=None, prompt="none")

    assert response.location.startswith(CALLBACK + "?error=consent_required")


def test_without_redirect_uri_several_registered_ones_are_a_page(notes: str, http: FlaskClient) -> None:
    authorizing.change_app(redirect_uris=[CALLBACK, "https://notes.example.com/other"])

    assert is_our_page(authorize(http, redirect_uri=None))


@pytest.mark.parametrize(
    ("uri", "fits"),
    [
        ("http://127.0.0.1:57470/cb", True),
        ("http://127.0.0.1/cb", True),
        ("http://localhost:57470/cb", False),
        ("http://[::1]:57470/cb", False),
        ("http://127.0.0.1:57470/other", False),
        ("https://127.0.0.1:57470/cb", False),
        ("http://127.0.0.1:57470@evil.example/cb", False),
        ("http://127.0.0.1:0/cb", False),
    ],
)
def test_a_native_client_chooses_its_loopback_port_and_nothing_else(
    app: Any, http: FlaskClient, uri: str, fits: bool
) -> None:
    authorizing.make_app(
        kind="native", application_type="native", public=True, redirect_uris=["http://127.0.0.1:1234/cb"]
    )

    response = authorize(http, redirect_uri=uri)

    assert (response.status_code == 303) is fits


# What the verified app is told, at its own redirect URI.
REFUSED = {
    "no response_type": ({"response_type": None}, "invalid_request"),
    "the implicit flow": ({"response_type": "token"}, "unsupported_response_type"),
    "a hybrid flow": ({"response_type": "code id_token"}, "unsupported_response_type"),
    "response_mode jwt": ({"response_mode": "query.jwt"}, "invalid_request"),
    "no code_challenge": ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    "an empty code_challenge": ({"code_challenge": ""}, "invalid_request"),
    "a method without a challenge": ({"code_challenge": None}, "invalid_request"),
    "PKCE plain": ({"code_challenge_method": "plain"}, "invalid_request"),
    "PKCE without a method": ({"code_challenge_method": None}, "invalid_request"),
    "PKCE s256 in lower case": ({"code_challenge_method": "s256"}, "invalid_request"),
    "a challenge of 42 characters": ({"code_challenge": "a" * 42}, "invalid_request"),
    "a challenge of 44 characters": ({"code_challenge": "a" * 44}, "invalid_request"),
    "a challenge and a newline": ({"code_challenge": "a" * 43 + "\n"}, "invalid_request"),
    "a padded challenge": ({"code_challenge": "a" * 43 + "="}, "invalid_request"),
    "only unknown scopes": ({"scope": "nothing:read"}, "invalid_scope"),
    "only an unassigned scope": ({"scope": "admin"}, "invalid_scope"),
    "a malformed scope": ({"scope": 'workflows:read "x"'}, "invalid_scope"),
    "a scope with a line break": ({"scope": "workflows:read\nadmin"}, "invalid_scope"),
    "an unknown resource": ({"resource": "https://nowhere.example"}, "invalid_target"),
    "a resource that is no URI": ({"resource": "reports"}, "invalid_target"),
    "one good and one bad resource": ({"resource": [ISSUER, "https://nowhere.example"]}, "invalid_target"),
    "an unsigned request object": ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
    "a request object that is none": ({"request": "x"}, "invalid_request_object"),
    "a request_uri that is not registered": ({"request_uri": "https://notes.example.com/r"}, "invalid_request_uri"),
    "a request object by value and by reference": (
        {"request": "x", "request_uri": "https://notes.example.com/request"},
        "invalid_request",
    ),
    "a registration": ({"registration": "{}"}, "registration_not_supported"),
    "an unknown prompt": ({"prompt": "create"}, "invalid_request"),
    "prompt none with login": ({"prompt": "none login"}, "invalid_request"),
    "prompt none with consent": ({"prompt": "consent none"}, "invalid_request"),
    "a negative max_age": ({"max_age": "-1"}, "invalid_request"),
    "a max_age in words": ({"max_age": "1h"}, "invalid_request"),
    "a max_age in other digits": ({"max_age": "\u0661"}, "invalid_request"),
    "a huge max_age": ({"max_age": "9" * 40}, "invalid_request"),
    "claims that are no JSON": ({"claims": "email", "scope": "openid"}, "invalid_request"),
    "an essential acr that is not to be had": (
        {"claims": '{"id_token":{"acr":{"essential":true,"values":["phr"]}}}', "scope": "openid"},
        "unmet_authentication_requirements",
    ),
    "acr_values without end": ({"acr_values": " ".join(f"a{number}" for number in range(21))}, "invalid_request"),
    "a hint that is no ID token": ({"id_token_hint": "eyJhbGciOiJub25lIn0.e30."}, "invalid_request"),
    "a nonce that is too long": ({"nonce": "n" * 1_025}, "invalid_request"),
    "response_type twice": ({"response_type": ["code", "code"]}, "invalid_request"),
    "scope twice": ({"scope": ["workflows:read", "workflows:read"]}, "invalid_request"),
    "nonce twice": ({"nonce": ["a", "b"]}, "invalid_request"),
    "prompt twice": ({"prompt": ["none", "login"]}, "invalid_request"),
    "code_challenge twice": ({"code_challenge": ["a" * 43, "b" * 43]}, "invalid_request"),
    "an unknown parameter twice": ({"colour": ["red", "blue"]}, "invalid_request"),
}


@rows(("changes", "error"), REFUSED.values())
@rows("method", ["GET", "POST"])
def test_a_verified_app_is_told_what_is_wrong(
    notes: str, http: FlaskClient, changes: dict[str, Any], error: str, method: str
) -> None:
    body = urlencode(asking(**changes), doseq=True)

    if method == "GET":
        response = http.get("/oauth/authorize?" + body)
    else:
        response = http.post("/oauth/authorize", data=body, content_type="application/x-www-form-urlencoded")

    assert response.location.startswith(CALLBACK + "?")
    answer = answer_of(response)
    assert answer.pop("error") == error
    assert re.fullmatch(r"[\x20\x21\x23-\x5b\x5d-\x7e]+", answer.pop("error_description"))
    assert re.fullmatch(ISSUER + "/refused/req[0-9A-Za-z]{20}", answer.pop("error_uri"))
    assert answer == {"iss": ISSUER, "state": "s-1"}
    assert response.headers["Cache-Control"] == "no-store"
    assert not stored()


def test_a_repeated_state_is_not_answered_with_a_guess(notes: str, http: FlaskClient) -> None:
    answer = answer_of(authorize(http, state=["a", "b"]))

    assert answer["error"] == "invalid_request"
    assert "state" not in answer


def test_a_client_without_the_code_grant_is_refused(notes: str, http: FlaskClient) -> None:
    authorizing.change_app(grant_types=["client_credentials"])

    assert answer_of(authorize(http))["error"] == "unauthorized_client"


def test_only_registered_response_modes_are_possible(notes: str, http: FlaskClient) -> None:
    authorizing.change_app(response_modes=["form_post"])

    assert answer_of(authorize(http, response_mode="query"))["error"] == "invalid_request"


NEITHER: dict[str, Any] = {"code_challenge": None, "code_challenge_method": None}
NONCE = {**NEITHER, "scope": "openid workflows:read", "nonce": "n-1"}
NONCE_WITHOUT_OPENID = {**NEITHER, "nonce": "n-1"}
EMPTY_NONCE = {**NONCE, "nonce": ""}
OPENID_WITHOUT_NONCE = {**NEITHER, "scope": "openid workflows:read"}
CONFIDENTIAL: dict[str, Any] = {}
# (columns of the app, the server's setting) → the requests without a challenge that it takes.
PROTECTED = (
    (CONFIDENTIAL, "auto", [NONCE]),
    (CONFIDENTIAL, "all", []),
    (CONFIDENTIAL, "public", [NONCE, NEITHER, NONCE_WITHOUT_OPENID, EMPTY_NONCE, OPENID_WITHOUT_NONCE]),
    ({"self_registered": True}, "auto", [NONCE]),
    ({"require_pkce": True}, "auto", []),
    ({"require_pkce": True}, "public", []),
    ({"require_pkce": False}, "auto", [NONCE, NEITHER, NONCE_WITHOUT_OPENID, EMPTY_NONCE, OPENID_WITHOUT_NONCE]),
    ({"require_pkce": False}, "all", []),
    ({"require_pkce": False, "self_registered": True}, "auto", [NONCE]),
    ({"require_pkce": False, "application_type": "native"}, "auto", []),
    ({"public": True}, "auto", []),
    ({"public": True}, "public", []),
    ({"public": True, "require_pkce": False}, "auto", []),
    ({"public": True, "require_pkce": False}, "public", []),
    ({"application_type": "native"}, "public", []),
    # `openid` has to be assigned, or the nonce comes back in no ID token.
    ({"scopes": ["workflows:read"]}, "auto", []),
)


def test_a_code_is_protected_by_pkce_or_where_that_is_enough_by_a_nonce(app: Flask, http: FlaskClient) -> None:
    for number, (columns, setting, taken) in enumerate(PROTECTED):
        notes = authorizing.make_app(f"notes-{number}", **columns)
        listed = ("openid", "workflows:read")  # of these an app that registered itself may have, too
        with config.using(dataclasses.replace(config.current(), require_pkce=setting, registration_scopes=listed)):
            for asked in (NONCE, NEITHER, NONCE_WITHOUT_OPENID, EMPTY_NONCE, OPENID_WITHOUT_NONCE):
                told = answer_of(authorize(http, **asked, client_id=notes, prompt="none"))
                good = told["error"] == "login_required"
                assert good is (asked in taken), (columns, setting, asked, told)
                assert good or "code_challenge is missing" in told["error_description"]


def test_a_request_with_neither_names_both_remedies(notes: str, http: FlaskClient) -> None:
    told = answer_of(authorize(http, **NEITHER))["error_description"]
    assert "PKCE with S256" in told and "nonce with the scope openid" in told


def test_a_sign_in_that_only_a_nonce_protects_ends_when_openid_is_taken_from_the_app(
    notes: str, http: FlaskClient, alice: Any
) -> None:
    sign_in(http, alice)
    page = followed(http, authorize(http, **NONCE))
    assert page.status_code == 200 and 'value="openid"' not in page.text, "openid is a fixed row, no tick"
    fields = authorizing.consent_form(page)
    authorizing.change_app(scopes=["workflows:read"])
    answer = http.post("/oauth/authorize/consent", data={**fields, "action": "allow"})
    assert answer_of(answer)["error"] == "invalid_request"
    with database.reading() as session:
        assert session.query(Grant).all() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"code_challenge": ""},
        {"code_challenge": None},
        {"code_challenge": "short"},
    ],
)
def test_an_exempted_client_that_sends_half_a_challenge_is_still_refused(
    notes: str, http: FlaskClient, changes: dict[str, Any]
) -> None:
    authorizing.change_app(require_pkce=False)

    assert answer_of(authorize(http, **changes))["error"] == "invalid_request"


class TestWithPkceForPublicClientsOnly:
    @pytest.fixture
    def overrides(self) -> dict[str, Any]:
        return {"require_pkce": "public"}

    @pytest.mark.parametrize("public", [True, False])
    def test_confidential_clients_may_leave_it_out(self, notes: str, http: FlaskClient, public: bool) -> None:
        authorizing.change_app(public=public)

        response = authorize(http, code_challenge=None, code_challenge_method=None)

        assert response.location.startswith("/login") is not public


def test_errors_go_by_form_post_too(notes: str, http: FlaskClient) -> None:
    response = authorize(http, response_mode="form_post", scope="nothing")

    assert response.status_code == 200
    assert f'action="{CALLBACK}"' in response.text
    assert 'name="error" value="invalid_scope"' in response.text
    assert f'name="iss" value="{ISSUER}"' in response.text


def test_a_query_that_is_no_form_is_a_page(notes: str, http: FlaskClient) -> None:
    good = urlencode(asking())
    for query in (good + "&x=%ff", good + "&x=%0", good + "&x=%00", good + "&x=1" * 101, "&".join(["a=b"] * 200)):
        assert is_our_page(http.get("/oauth/authorize?" + query))


def test_empty_parameters_count_as_left_out(notes: str, http: FlaskClient) -> None:
    response = authorize(http, nonce="", prompt="", max_age="", resource="", response_mode="", request="")

    assert response.location.startswith("/login")


def test_unknown_parameters_are_ignored(notes: str, http: FlaskClient) -> None:
    assert authorize(http, colour="green", claims="{}", ui_locales="de").location.startswith("/login")


def test_unknown_and_unassigned_scopes_are_dropped(notes: str, http: FlaskClient) -> None:
    authorize(http, scope="openid nothing:read admin workflows:read")

    assert stored()[0].scopes == ["openid", "workflows:read"]


def test_asking_for_no_scope_means_the_default_ones(notes: str, http: FlaskClient) -> None:
    authorize(http, scope=None)

    assert (stored()[0].scopes, stored()[0].scope_asked) == (["workflows:read"], False)


def test_offline_access_is_dropped_where_no_refresh_token_can_follow(notes: str, http: FlaskClient) -> None:
    authorizing.change_app(grant_types=["authorization_code"])

    authorize(http, scope="openid offline_access")

    assert stored()[0].scopes == ["openid"]


def test_resources_of_the_client_and_the_issuer_itself_can_be_asked_for(notes: str, http: FlaskClient) -> None:
    authorizing.make_api()
    authorizing.change_app(resources=[API])

    authorize(http, resource=[API, ISSUER, API])

    assert stored()[0].resources == [API, ISSUER]


def test_the_api_of_this_server_alone_can_be_asked_for_by_every_app(notes: str, http: FlaskClient) -> None:
    authorize(http, resource=f"{ISSUER}/v1")

    assert stored()[0].resources == [f"{ISSUER}/v1"]


def test_a_resource_that_another_process_registered_a_moment_ago_can_be_asked_for(
    notes: str, http: FlaskClient
) -> None:
    authorizing.change_app(resources=[API])
    assert answer_of(authorize(http, resource=API))["error"] == "invalid_target"  # what is cached: there is none
    with database.autocommit() as connection:  # as the other process does it: nothing in this one hears of it
        connection.execute(insert(Resource).values(identifier=API, name="Reports API", created_at=clock.now()))
        connection.execute(
            update(CacheVersion).where(CacheVersion.name == "scopes").values(version=CacheVersion.version + 1)
        )

    authorize(http, resource=API)

    assert stored()[0].resources == [API]


@pytest.mark.parametrize("asked", [API, ISSUER, "https://nowhere.example"])
def test_a_resource_that_is_known_or_made_up_costs_no_look_at_the_database(
    notes: str, http: FlaskClient, statements: Any, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "POLL_SECONDS", 3600.0)
    authorizing.make_api()
    authorizing.change_app(resources=[API])
    authorize(http, resource=API)

    with statements() as sent:
        authorize(http, resource=asked)

    assert not [statement for statement in sent if "resources" in statement.partition("FROM")[2]]
    assert not [statement for statement in sent if "cache_version" in statement]


def test_a_registered_resource_of_others_is_refused(notes: str, http: FlaskClient) -> None:
    authorizing.make_api()

    assert answer_of(authorize(http, resource=API))["error"] == "invalid_target"


def test_a_resource_that_is_gone_is_refused_though_the_client_still_lists_it(notes: str, http: FlaskClient) -> None:
    authorizing.change_app(resources=[API])

    assert answer_of(authorize(http, resource=API))["error"] == "invalid_target"


@rows(
    "state",
    [
        "x" * 8192,
        "ü€😀 / ? & = + % # \" ' < > \\",
        "a+b c%20d",
        "\r\nSet-Cookie: x=1",
        "<script>alert(1)</script>",
        "{}[]|^`",
    ],
)
@rows("mode", ["query", "form_post"])
def test_the_state_comes_back_as_it_was_sent(notes: str, http: FlaskClient, state: str, mode: str) -> None:
    response = authorize(http, state=state, prompt="none", response_mode=mode)

    if mode == "query":
        assert answer_of(response)["state"] == state
    else:
        sent = re.search(r'name="state" value="([^"]*)"', response.text)
        assert sent is not None
        assert html.unescape(sent[1]) == state
        assert "<script>alert" not in response.text


def test_a_registered_query_stays_and_the_answer_has_each_parameter_once(notes: str, http: FlaskClient) -> None:
    uri = "https://notes.example.com/cb?tenant=7&code=evil&state=evil&iss=evil&error=evil"
    authorizing.change_app(redirect_uris=[uri])

    answer = answer_of(authorize(http, redirect_uri=uri, prompt="none"))

    assert answer["tenant"] == "7"
    assert (answer["state"], answer["iss"], answer["error"]) == ("s-1", ISSUER, "login_required")
    assert "code" not in answer


def test_an_app_that_nobody_vouches_for_gets_no_error_before_a_person_acts(notes: str, http: FlaskClient) -> None:
    authorizing.change_app(self_registered=True)

    response = authorize(http, scope="nothing")

    assert is_our_page(response)
    assert f'href="{CALLBACK}?' in response.text
    assert answer_of(authorize(http, scope="nothing", prompt="none"))["error"] == "invalid_scope"


def test_a_post_is_stored_and_answered_with_303_to_get(notes: str, http: FlaskClient) -> None:
    response = http.post("/oauth/authorize", data=asking())

    assert response.status_code == 303
    assert response.location.startswith("/oauth/authorize/continue?request=")
    assert http.get(response.location).location.startswith("/login?request=")


def test_a_post_of_another_site_leaves_the_browsers_own_mark_alone(notes: str, http: FlaskClient) -> None:
    # SameSite=Lax: the cookie is missing from the POST and comes with the GET after it.
    authorize(http)
    mark = http.get_cookie("authserver_browser")

    without_cookies = http.application.test_client()
    response = without_cookies.post(
        "/oauth/authorize", data=asking(), headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    )

    assert "Set-Cookie" not in response.headers
    assert followed(http, response).status_code == 200
    assert http.get_cookie("authserver_browser") == mark


def test_a_posted_request_belongs_to_the_first_browser_that_opens_it(
    notes: str, http: FlaskClient, browser: Any
) -> None:
    link = http.post("/oauth/authorize", data=asking()).location
    assert http.get(link).status_code == 303

    assert browser().get(link).status_code == 400


def test_a_post_with_parameters_in_its_query_is_a_page(notes: str, http: FlaskClient) -> None:
    assert is_our_page(http.post("/oauth/authorize?state=x", data=asking()))


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x"])
def test_a_post_must_be_urlencoded(notes: str, http: FlaskClient, content_type: str) -> None:
    assert is_our_page(http.post("/oauth/authorize", data=urlencode(asking()), content_type=content_type))


def test_no_other_site_can_read_the_answer(notes: str, http: FlaskClient) -> None:
    response = http.get(
        "/oauth/authorize?" + urlencode(asking(prompt="none")), headers={"Origin": "https://notes.example.com"}
    )

    assert "Access-Control-Allow-Origin" not in response.headers


# prompt × what the browser knows → where it goes. "login", "consent", "account" are our pages.
PROMPTS = [
    # signed in, allowed before, prompt, max_age, expected
    (False, False, None, None, "login"),
    (False, True, "none", None, "login_required"),
    (False, False, "login", None, "login"),
    (False, False, "consent", None, "login"),
    (False, False, "select_account", None, "login"),
    (True, False, None, None, "consent"),
    (True, True, None, None, "code"),
    (True, False, "none", None, "consent_required"),
    (True, True, "none", None, "code"),
    (True, True, "login", None, "login"),
    (True, True, "consent", None, "consent"),
    (True, True, "select_account", None, "account"),
    (True, True, "login consent", None, "login"),
    (True, True, "consent select_account", None, "account"),
    (True, True, None, "3600", "code"),
    (True, True, None, "60", "login"),
    (True, True, None, "0", "login"),
    (True, True, "none", "60", "login_required"),
    (True, True, "none", "3600", "code"),
    (True, True, "none", "0", "login_required"),
]


@pytest.mark.parametrize(("signed_in", "allowed", "prompt", "max_age", "expected"), PROMPTS)
def test_prompt_and_max_age_decide_what_comes_next(
    notes: str, http: FlaskClient, alice: Any, signed_in: bool, allowed: bool, prompt: str, max_age: str, expected: str
) -> None:
    if allowed:
        sign_in(http, alice)
        authorizing.answer_consent(http, followed(http, authorize(http)))
        http.delete_cookie("authserver_session")
    if signed_in:
        sign_in(http, alice, auth_time=clock.now() - 600)

    response = authorize(http, prompt=prompt, max_age=max_age)

    assert response.status_code == 303
    where = urlsplit(response.location)
    if where.netloc:
        answer = answer_of(response)
        assert answer["iss"] == ISSUER
        assert expected == ("code" if "code" in answer else answer["error"])
    else:
        pages = {"/login": "login", "/oauth/authorize/consent": "consent", "/oauth/authorize/account": "account"}
        assert pages[where.path] == expected
        assert ("reauth=1" in where.query) is (expected == "login" and signed_in)


def test_an_app_that_was_allowed_nothing_learns_nothing_about_who_is_signed_in(
    notes: str, http: FlaskClient, alice: Any
) -> None:
    """Else it asks a visitor's browser in silence: is it this person, and since when are they signed in?"""
    sign_in(http, alice, auth_time=clock.now() - 600)
    asked: list[dict[str, str]] = [
        {}, {"max_age": "60"}, {"max_age": "3600"}, {"acr_values": "aal2"},
        *({"claims": json.dumps({"id_token": {"sub": {"value": each}}})} for each in (alice.id, "usr_of_another")),
    ]  # fmt: skip
    told = {answer_of(authorize(http, prompt="none", scope="openid", **each))["error"] for each in asked}
    assert told == {"consent_required"}


def test_prompt_none_opens_no_session_and_shows_nothing(notes: str, http: FlaskClient, alice: Any) -> None:
    response = authorize(http, prompt="none")

    assert response.data == b""
    with database.reading() as session:
        assert session.query(SignInSession).count() == 0
    assert not http.get_cookie("authserver_session")


def test_prompt_login_is_not_satisfied_by_the_session_that_was_there(notes: str, http: FlaskClient, alice: Any) -> None:
    sign_in(http, alice)  # within the same second
    response = authorize(http, prompt="login")
    again = response.location.replace("/login", "/oauth/authorize/continue").replace("&reauth=1", "")

    assert http.get(again).location.startswith("/login")


def test_prompt_login_goes_on_after_a_new_sign_in(notes: str, http: FlaskClient, alice: Any) -> None:
    sign_in(http, alice)
    link = authorize(http, prompt="login").location.replace("/login", "/oauth/authorize/continue")
    sign_in(http, alice)

    assert http.get(link).location.startswith("/oauth/authorize/consent")


def test_select_account_goes_on_with_the_account_that_was_chosen(notes: str, http: FlaskClient, alice: Any) -> None:
    sign_in(http, alice, auth_time=clock.now() - 600)
    page = followed(http, authorize(http, prompt="select_account"))
    form = dict(
        re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text[: page.text.index("</form>")])
    )

    response = http.post("/oauth/authorize/account", data=form | {"account": alice.id})

    assert followed(http, response).request.path == "/oauth/authorize/consent"


def test_select_account_is_not_satisfied_by_somebody_elses_choice(
    notes: str, http: FlaskClient, alice: Any, bob: Any
) -> None:
    sign_in(http, alice, auth_time=clock.now() - 600)
    page = followed(http, authorize(http, prompt="select_account"))
    form = dict(
        re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text[: page.text.index("</form>")])
    )

    response = http.post("/oauth/authorize/account", data=form | {"account": bob.id})

    assert followed(http, response).request.path == "/oauth/authorize/account"


def test_a_request_is_over_after_ten_minutes(
    notes: str, http: FlaskClient, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(http, alice)
    link = authorize(http).location
    late = clock.now() + 601
    monkeypatch.setattr(clock, "now", lambda: late)

    page = http.get(link)

    assert page.status_code == 400
    assert "Start again from the app" in page.text


def test_another_browser_cannot_go_on(notes: str, http: FlaskClient, browser: Any, alice: Any, mallory: Any) -> None:
    sign_in(http, alice)
    link = authorize(http).location
    other = browser()
    sign_in(other, mallory)

    for path in (link, link.replace("/consent", "/continue")):
        assert other.get(path).status_code == 400
    assert http.get(link).status_code == 200


@pytest.mark.parametrize("change", [{"disabled_at": 1}, {"deleted_at": 1}, {"redirect_uris": ["https://new.example/"]}])
def test_a_request_ends_with_its_app(notes: str, http: FlaskClient, alice: Any, change: dict[str, Any]) -> None:
    sign_in(http, alice)
    page = followed(http, authorize(http))
    authorizing.change_app(**change)

    response = authorizing.answer_consent(http, page)

    assert response.status_code == 400
    assert "Location" not in response.headers


def test_the_code_carries_what_was_asked(notes: str, http: FlaskClient, alice: Any) -> None:
    session_id = sign_in(http, alice)

    answer_of(authorizing.answer_consent(http, followed(http, authorize(http, nonce="n-1", resource=ISSUER))))

    with database.reading() as session:
        grant = session.query(Grant).one()
    assert (grant.client_id, grant.user_id, grant.session_id) == ("notes", alice.id, session_id)
    assert (grant.scopes, grant.resources, grant.nonce, grant.amr) == (["workflows:read"], [ISSUER], "n-1", ["pwd"])
    assert pkce.valid_challenge(pkce.challenge(VERIFIER))


# ---- errors before sign-in (contract 11.49, RFC 9700 4.11.2)

BAD = {"response_type": "token"}


def test_a_link_alone_leads_nobody_to_a_plain_persons_app(app: Any, http: FlaskClient, alice: Any) -> None:
    authorizing.make_app(owner_id=alice.id)
    answer = authorize(http, **BAD)
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "Go back to notes.example.com" in answer.text
    assert "error=unsupported_response_type" in answer.text


def test_somebody_who_is_signed_in_is_sent_on(app: Any, http: FlaskClient, alice: Any, mallory: Any) -> None:
    authorizing.make_app(owner_id=alice.id)
    sign_in(http, mallory)
    assert authorize(http, **BAD).location.startswith(CALLBACK + "?error=unsupported_response_type")


def test_apps_that_an_administrator_answers_for_and_silent_requests_read_their_error_at_once(
    app: Any, http: FlaskClient, alice: Any, ada: Any
) -> None:
    authorizing.make_app("of-ada", owner_id=ada.id)
    authorizing.make_app("of-the-installation")
    authorizing.make_app("of-alice", owner_id=alice.id)
    for client_id, more in (("of-ada", {}), ("of-the-installation", {}), ("of-alice", {"prompt": "none"})):
        assert "error=" in authorize(http, client_id=client_id, **BAD, **more).location, client_id
