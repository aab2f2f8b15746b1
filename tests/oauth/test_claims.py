"""The parameter `claims`: single claims at userinfo and in ID tokens (OpenID Connect Core 5.5)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from authserver.domain.people import names, standard_claims
from authserver.oauth import claims
from tests.conftest import Person
from tests.support import authorizing, protocol
from tests.support.authorizing import VERIFIER, answer_consent, answer_of, authorize, consent_form, followed, sign_in
from tests.support.protocol import App, bearer, send

EVERY_SCOPE = ["openid", "profile", "email", "phone", "address"]


@pytest.fixture
def shop(app: Any, alice: Person) -> App:
    """An app that may have every identity scope, and wants claims in its ID tokens only where it asks for them."""
    standard_claims.change(alice.id, {"nickname": "Al", "phone_number": "+33123456789", "locale": "fr"})
    names.rename(alice.id, given_name="Alice", family_name="Martin")
    return protocol.register(
        id="shop", redirect_uris=[authorizing.CALLBACK], scopes=EVERY_SCOPE, default_scopes=["openid"],
        id_token_claims=False,
    )  # fmt: skip


@pytest.fixture
def hers(http: FlaskClient, alice: Person) -> FlaskClient:
    sign_in(http, alice)
    return http


def asked(browser: FlaskClient, wanted: Any, **changes: Any) -> Any:
    text = wanted if isinstance(wanted, str) else json.dumps(wanted)
    return followed(browser, authorize(browser, **{"client_id": "shop", "scope": "openid", "claims": text} | changes))


def told(app: App, code: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the ID token and userinfo say."""
    fields = {"redirect_uri": authorizing.CALLBACK, "code_verifier": VERIFIER}
    tokens = protocol.exchange(app, code, **fields).json
    userinfo = send("/oauth/userinfo", headers=bearer(tokens["access_token"]), method="GET").json
    return protocol.claims(tokens["id_token"]), userinfo


def allowed(browser: FlaskClient, app: App, wanted: Any, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return told(app, answer_of(answer_consent(browser, asked(browser, wanted, **changes)))["code"])


def personal(said: dict[str, Any]) -> set[str]:
    return said.keys() - set(claims.ALWAYS)


@pytest.mark.parametrize("request_of", [None, {"essential": True}, {"essential": False}, {"value": "x"}, {"later": 1}])
def test_each_place_tells_what_was_asked_there_and_nothing_else(
    shop: App, hers: FlaskClient, request_of: dict[str, Any] | None
) -> None:
    """Section 5.5: a claim of `userinfo` is told there, one of `id_token` in the ID token; 5.5.1 has the forms."""
    wanted = {"userinfo": {"nickname": request_of, "email": request_of}, "id_token": {"phone_number": request_of}}
    id_token, userinfo = allowed(hers, shop, wanted)
    assert (personal(id_token), personal(userinfo)) == ({"phone_number"}, {"nickname", "email"})
    assert (id_token["phone_number"], userinfo["nickname"]) == ("+33123456789", "Al")


def test_claims_come_beside_those_of_scopes(shop: App, hers: FlaskClient) -> None:
    """Section 5.5: both ways of asking add up."""
    id_token, userinfo = allowed(hers, shop, {"userinfo": {"nickname": None}}, scope="openid email")
    assert personal(userinfo) == {"email", "email_verified", "nickname"}
    assert personal(id_token) == set()


def test_the_person_is_asked_for_the_scope_that_gives_a_claim(shop: App, hers: FlaskClient, alice: Person) -> None:
    """Section 5.5 opens no way around consent: what is told was on the page."""
    page = asked(hers, {"userinfo": {"nickname": None}, "id_token": {"phone_number": None}})
    assert "See your name and what your profile tells" in page.text and "See your phone number" in page.text
    assert "See your email" not in page.text
    form = consent_form(page)
    assert set(form["scope"]) == {"profile", "phone"}
    id_token, userinfo = told(
        shop,
        answer_of(answer_consent(hers, page, scope=["profile"]))["code"],
    )
    assert (personal(id_token), personal(userinfo)) == (set(), {"nickname"})


def test_an_earlier_consent_covers_its_scopes_alone(shop: App, hers: FlaskClient) -> None:
    allowed(hers, shop, {"userinfo": {"nickname": None}})
    code = answer_of(asked(hers, {"id_token": {"locale": None}}))["code"]
    assert personal(told(shop, code)[0]) == {"locale"}
    assert asked(hers, {"id_token": {"email": None}}).request.path == "/oauth/authorize/consent"
    silent = asked(hers, {"id_token": {"email": None}}, prompt="none")
    assert answer_of(silent)["error"] == "consent_required"


def test_what_the_app_was_not_given_is_left_out_without_an_error(shop: App, hers: FlaskClient) -> None:
    """Section 5.5.1: even an essential claim that is not told is no error."""
    protocol.change(shop, scopes=["openid", "email"])
    wanted = {"userinfo": {"nickname": {"essential": True}, "email": None, "shoe_size": {"essential": True}}}
    assert personal(allowed(hers, shop, wanted)[1]) == {"email"}


def test_what_is_taken_from_the_app_later_is_no_longer_told(shop: App, hers: FlaskClient) -> None:
    code = answer_of(answer_consent(hers, asked(hers, {"userinfo": {"nickname": None, "email": None}})))["code"]
    protocol.change(shop, scopes=["openid", "email"])
    assert personal(told(shop, code)[1]) == {"email"}


def test_without_openid_the_parameter_asks_for_nothing(shop: App, hers: FlaskClient) -> None:
    page = asked(hers, "no JSON at all", scope="email")
    assert set(consent_form(page)["scope"]) == {"email"}


def test_a_claim_in_a_language_is_told_in_the_one_it_is_kept_in(shop: App, hers: FlaskClient) -> None:
    """Section 5.2."""
    wanted = {"userinfo": {"family_name#ja-Kana-JP": None, "family_name#fr": None}}
    assert allowed(hers, shop, wanted, claims_locales="ja fr xx-unknown")[1]["family_name"] == "Martin"


def test_refreshed_id_tokens_say_the_same(shop: App, hers: FlaskClient) -> None:
    """Section 12.2."""
    page = asked(hers, {"id_token": {"nickname": None}})
    code = answer_of(answer_consent(hers, page))["code"]
    tokens = protocol.exchange(shop, code, redirect_uri=authorizing.CALLBACK, code_verifier=VERIFIER).json
    again = protocol.refresh(shop, tokens["refresh_token"]).json
    assert protocol.claims(again["id_token"])["nickname"] == "Al"


@pytest.mark.parametrize(("whose", "expected"), [("alice", "code"), ("bob", "login_required")])
def test_a_value_of_sub_says_who_has_to_be_signed_in(
    shop: App, hers: FlaskClient, alice: Person, bob: Person, whose: str, expected: str
) -> None:
    """Section 5.5.1: a positive answer only for the person with that `sub`."""
    allowed(hers, shop, {})
    wanted = {"id_token": {"sub": {"value": {"alice": alice.id, "bob": bob.id}[whose]}}}
    answer = answer_of(asked(hers, wanted, prompt="none"))
    assert expected in (answer.get("error"), *answer)


HOSTILE = [
    "", "{", "null", "[]", '"x"', "1", "{}x", '{"userinfo":[]}', '{"userinfo":"email"}', '{"id_token":{"email":1}}',
    '{"id_token":{"email":"x"}}', '{"id_token":{"email":[]}}', '{"id_token":{"acr":{"essential":"yes"}}}',
    '{"id_token":{"acr":{"values":"aal1"}}}', '{"id_token":{"acr":{"values":[1]}}}',
    '{"id_token":{"acr":{"value":{}}}}',
    '{"id_token":{"acr":{"value":"a\\u0000"}}}', '{"id_token":{"sub":{"value":1}}}',
    '{"id_token":{"sub":{"value":"' + "x" * 256 + '"}}}', '{"id_token":{"sub":{"value":"\\ud800"}}}',
    '{"id_token":{"sub":{"value":"a"}},"userinfo":{"sub":{"value":"b"}}}', '{"userinfo":{},"userinfo":{}}',
    '{"userinfo":{"email":null,"email":null}}', '{"a":' * 7 + "1" + "}" * 7, "[" * 5000, '{"x":NaN}',
    '{"userinfo":{"' + "x" * 8_000 + '":null}}',
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_not_of_its_form_is_refused_and_never_repeated(text: str) -> None:
    with pytest.raises(ValueError) as refused:
        claims.read(text)
    assert str(refused.value).isascii() and "xxx" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["{}", '{"userinfo":null}', '{"later":1,"userinfo":{}}', '{"userinfo":{"unknown":null}}',
     '{"userinfo":{"email":{"later":[1,{"x":2}]}}}'],
)  # fmt: skip
def test_what_is_not_understood_asks_for_nothing(text: str) -> None:
    """Section 5.5: members that are not understood must be ignored."""
    assert claims.read(text).names in ({}, {"userinfo": ["email"]})
