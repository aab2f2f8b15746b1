"""What the OpenID conformance plans Config and Basic play: one test a module, by a client over HTTP."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import time_machine

from authserver.domain.people import standard_claims
from authserver.lib import clock
from tests.conftest import Person
from tests.support import authorizing, protocol
from tests.support.authorizing import followed
from tests.support.conformance import CALLBACK, ISSUER, SCOPES, Suite, header, overrides, suite
from tests.support.tables import rows

__all__ = ["overrides", "suite"]  # fixtures


# Config


def test_the_metadata_names_what_the_plans_look_for(suite: Suite) -> None:
    """Discovery 1.0, section 3."""
    said = suite.browser.get("/.well-known/openid-configuration").json
    assert said["issuer"] == ISSUER
    assert "RS256" in said["id_token_signing_alg_values_supported"]
    assert {"public", "pairwise"} <= set(said["subject_types_supported"])
    assert "code" in said["response_types_supported"] and said["claims_parameter_supported"] is True
    assert said["request_parameter_supported"] is True and said["request_uri_parameter_supported"] is True
    assert set().union(*CLAIMS_OF.values()) | {"sub", "acr", "auth_time"} <= set(said["claims_supported"])


# Basic


def test_server(suite: Suite) -> None:
    """OpenID Connect Core 2, 3.1.3.3, 3.1.3.6."""
    tokens = suite.tokens()
    claims = protocol.claims(tokens["id_token"])
    assert tokens["token_type"] == "Bearer" and tokens["expires_in"] > 0
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (ISSUER, suite.app.id, "n")
    assert {"sub", "exp", "iat", "at_hash"} <= claims.keys()


def test_the_key_of_an_id_token_is_published_by_its_kid(suite: Suite) -> None:
    """Core 10.1: where several keys are published, the header says which."""
    signed = header(suite.tokens()["id_token"])
    keys = {key["kid"]: key for key in suite.browser.get("/.well-known/jwks.json").json["keys"]}
    assert signed["alg"] == "RS256" and keys[signed["kid"]]["kty"] == "RSA"


def test_response_type_missing(suite: Suite) -> None:
    """RFC 6749 section 3.1.1."""
    assert suite.answer(response_type=None)["error"] in ("invalid_request", "unsupported_response_type")


def test_without_a_nonce_the_code_flow_succeeds(suite: Suite) -> None:
    """Core 3.1.2.1: `nonce` is optional here, and an ID token has none that was not sent."""
    assert "nonce" not in suite.id_token(nonce=None)


@rows("method", ["GET", "POST"])
def test_userinfo_with_the_token_in_the_header(suite: Suite, method: str) -> None:
    """Core 5.3.1, 5.3.2: `sub` is the ID token's."""
    tokens = suite.tokens()
    answer = suite.userinfo(tokens["access_token"], method)
    assert answer.status_code == 200 and answer.content_type.startswith("application/json")
    assert answer.json["sub"] == protocol.claims(tokens["id_token"])["sub"]


def test_userinfo_with_the_token_in_the_body(suite: Suite) -> None:
    """RFC 6750 section 2.2."""
    tokens = suite.tokens()
    answer = suite.browser.post("/oauth/userinfo", data={"access_token": tokens["access_token"]})
    assert answer.json["sub"] == protocol.claims(tokens["id_token"])["sub"]


CLAIMS_OF = {
    "profile": {"name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile",
                "picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at"},
    "email": {"email", "email_verified"},
    "address": {"address"},
    "phone": {"phone_number", "phone_number_verified"},
}  # fmt: skip


def told(alice: Person) -> None:
    page = "https://alice.example.test"
    standard_claims.change(alice.id, {
        "middle_name": "M", "nickname": "Al", "profile": page, "picture": page, "website": page, "gender": "f",
        "birthdate": "1990-05-31", "zoneinfo": "Europe/Paris", "locale": "en", "phone_number": "+33123456789",
        "address": {"locality": "Paris", "country": "France"},
    })  # fmt: skip


@rows("scope", [*CLAIMS_OF, "profile email address phone", "phone address email profile"])
def test_scopes_give_their_claims_at_userinfo(suite: Suite, alice: Person, scope: str) -> None:
    """Core 5.4, in any order of the scopes."""
    told(alice)
    said = suite.userinfo(suite.tokens(scope=f"openid {scope}")["access_token"]).json
    wanted = set().union(*(CLAIMS_OF[name] for name in scope.split()))
    missing = wanted - said.keys() - {"given_name", "family_name"}
    assert not missing
    assert set(said) <= wanted | {"sub"}


def test_scopes_in_another_order_are_the_same(suite: Suite) -> None:
    """RFC 6749 section 3.3: their order does not matter."""
    assert "id_token" in suite.tokens(scope="email profile openid")


@rows("display", ["page", "popup", "touch", "wap"])
def test_display_is_no_error(suite: Suite, display: str) -> None:
    """Core 3.1.2.1, 15.1."""
    assert "code" in suite.answer(display=display)


@rows("wish", ["ui_locales", "claims_locales"])
def test_locales_are_no_error(suite: Suite, wish: str) -> None:
    """Core 3.1.2.1, 5.2, 15.1."""
    assert "code" in suite.answer(**{wish: "se fr-CA"})


def test_prompt_login_is_a_new_sign_in(suite: Suite) -> None:
    """Core 3.1.2.1: the person is asked for their password although they are signed in."""
    suite.tokens()
    assert suite.request(prompt="login").request.path.startswith("/login")


def test_after_prompt_login_the_sign_in_is_newer(suite: Suite, alice: Person) -> None:
    """Core 3.1.2.1: `auth_time` is that of the new sign-in, and the person is the same."""
    before = suite.id_token()
    with time_machine.travel(clock.now() + 5):
        link = suite.request(prompt="login").request.full_path.replace("/login", "/oauth/authorize/continue", 1)
        authorizing.sign_in(suite.browser, alice)
        page = followed(suite.browser, suite.browser.get(link))
        code = parse_qs(urlsplit(page.headers["Refresh"].partition("url=")[2]).query)["code"][0]  # ends a form's chain
        after = protocol.claims(suite.exchange(code).json["id_token"])
    assert after["sub"] == before["sub"] and after["auth_time"] > before["auth_time"]


def test_prompt_none_of_nobody(suite: Suite, browser: Any) -> None:
    """Core 3.1.2.6."""
    suite.browser = browser()
    answer = suite.answer(prompt="none")
    assert (answer["error"], answer["state"]) in (("login_required", "s"), ("interaction_required", "s"))


def test_prompt_none_of_somebody(suite: Suite) -> None:
    """Core 3.1.2.1: the same sign-in, the same person."""
    before, after = suite.id_token(), suite.id_token(prompt="none")
    assert (before["sub"], before["auth_time"]) == (after["sub"], after["auth_time"])


def test_max_age_1_is_a_new_sign_in_after_a_second(suite: Suite) -> None:
    """Core 3.1.2.1."""
    suite.tokens()
    with time_machine.travel(clock.now() + 3):
        assert suite.request(max_age="1").request.path.startswith("/login")


def test_max_age_10000_is_the_same_sign_in(suite: Suite) -> None:
    """Core 2: `auth_time` is there where `max_age` was asked for, and says when."""
    before, after = suite.id_token(), suite.id_token(max_age="10000")
    assert before["auth_time"] == after["auth_time"] <= after["iat"]


def test_id_token_hint(suite: Suite) -> None:
    """Core 3.1.2.1: with `prompt=none`, for the person who is signed in."""
    tokens = suite.tokens()
    again = suite.id_token(prompt="none", id_token_hint=tokens["id_token"])
    assert again["sub"] == protocol.claims(tokens["id_token"])["sub"]


def test_login_hint(suite: Suite, browser: Any) -> None:
    """Core 3.1.2.1: the form is filled in with it."""
    suite.browser = browser()
    assert "bob@example.test" in suite.request(login_hint="bob@example.test").text


def test_acr_values_are_answered_with_an_acr(suite: Suite) -> None:
    """Core 5.5.1.1: as a voluntary claim, whatever was reached."""
    assert suite.id_token(acr_values="1 2")["acr"] == "aal1"


def test_a_claim_that_is_essential_is_told_at_userinfo(suite: Suite) -> None:
    """Core 5.5."""
    claims = json.dumps({"userinfo": {"name": {"essential": True}}})
    assert "name" in suite.userinfo(suite.tokens(claims=claims)["access_token"]).json


def test_a_code_is_good_once(suite: Suite) -> None:
    """RFC 6749 section 4.1.2."""
    code = suite.answer()["code"]
    assert suite.exchange(code).status_code == 200
    assert suite.exchange(code).json["error"] == "invalid_grant"


def test_a_code_that_comes_again_after_30_seconds_ends_the_access_token(suite: Suite) -> None:
    """RFC 6749 section 4.1.2: what it gave SHOULD be revoked."""
    code = suite.answer()["code"]
    token = suite.exchange(code).json["access_token"]
    with time_machine.travel(clock.now() + 30):
        assert suite.exchange(code).json["error"] == "invalid_grant"
        assert suite.userinfo(token).status_code == 401


@rows("uri", ["https://suite.example.test/callback/", CALLBACK + "?x=y", "https://other.example.test/callback"])
def test_a_redirect_uri_that_is_not_registered_is_a_page(suite: Suite, uri: str) -> None:
    """Core 3.1.2.1: compared as a string, and never followed."""
    page = suite.request(redirect_uri=uri)
    assert page.status_code == 400 and "redirect" in page.text


def test_a_secret_in_the_header_and_in_the_body(suite: Suite) -> None:
    """Core 9: client_secret_basic, client_secret_post."""
    form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code": suite.answer()["code"]}
    in_body = suite.browser.post("/oauth/token", data=form | suite.app.post)
    assert (in_body.status_code, suite.exchange(suite.answer()["code"]).status_code) == (200, 200)


def test_an_unsigned_request_object_is_refused_with_a_known_error(suite: Suite) -> None:
    """Core 6.1, 3.1.2.6."""
    unsigned = "eyJhbGciOiJub25lIn0.eyJzY29wZSI6Im9wZW5pZCJ9."
    assert suite.answer(request=unsigned)["error"] in ("request_not_supported", "invalid_request_object")


def test_what_is_not_understood_is_ignored(suite: Suite) -> None:
    """Core 3.1.2.1: other parameters."""
    assert "code" in suite.answer(extra="foobar")


def test_refresh_tokens(suite: Suite) -> None:
    """Core 11, 12.2: the same issuer, person and audience; another app gets nothing for it."""
    first = suite.tokens(scope="openid offline_access", prompt="consent")
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    other = protocol.register(redirect_uris=[CALLBACK], scopes=SCOPES)
    assert suite.browser.post("/oauth/token", data=form | other.post).json["error"] == "invalid_grant"
    again = suite.browser.post("/oauth/token", data=form | suite.app.post).json
    before, after = (protocol.claims(each["id_token"]) for each in (first, again))
    assert all(before[name] == after[name] for name in ("iss", "sub", "aud", "auth_time"))


@rows("resource", ["api", "/v1", "http://localhost:8000/v1#part", "http://localhost:8000#"])
def test_a_resource_is_an_absolute_uri_without_a_fragment(suite: Suite, resource: str) -> None:
    """RFC 8707 section 2: at the authorization endpoint and at the token endpoint."""
    assert suite.answer(resource=resource)["error"] == "invalid_target"
    assert suite.exchange(suite.answer()["code"], resource=resource).json["error"] == "invalid_target"
