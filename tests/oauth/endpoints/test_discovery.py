"""Discovery is complete and true: every member is used, and each value of each list does what it says.

OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2. A member without a line here fails the first test.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authserver import config
from authserver.domain.clients import clients
from authserver.domain.clients.metadata import Registration
from authserver.domain.grants import logout_notices
from authserver.domain.people import names, standard_claims
from authserver.errors import Invalid
from authserver.lib import jwt
from authserver.oauth.endpoints import metadata
from tests.conftest import Person
from tests.support import forms, own_jwts, protocol
from tests.support.authorizing import CALLBACK, VERIFIER, answer_consent, answer_of, authorize, followed, sign_in
from tests.support.keys import signing_with
from tests.support.protocol import App, bearer, send

ISSUER = "http://localhost:8000"
IDENTITY = ["openid", "profile", "email", "phone", "address", "offline_access"]
FILLED_IN: dict[str, Any] = {
    "middle_name": "Lee", "nickname": "Al", "profile": "https://al.example/me", "picture": "https://al.example/a.png",
    "website": "https://al.example", "gender": "female", "birthdate": "1990-05-31", "zoneinfo": "Europe/Paris",
    "locale": "fr", "phone_number": "+33123456789", "address": {"country": "France"},
}  # fmt: skip


@dataclass
class World:
    """An app, a person, and the browser in which she is signed in."""

    app: App
    alice: Person
    http: FlaskClient
    said: dict[str, Any]

    def ask(self, **changes: Any) -> Any:
        asked = {"client_id": self.app.id, "scope": "openid", "nonce": "n"} | changes
        return followed(self.http, authorize(self.http, **asked))

    def tokens(self, **changes: Any) -> dict[str, Any]:
        page = self.ask(**changes)
        answer = page if page.status_code == 303 else answer_consent(self.http, page)
        fields = {"redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        return dict(protocol.exchange(self.app, answer_of(answer)["code"], **fields).json)

    def registered(self, **values: Any) -> Any:
        made = {"name": "Shop", "kind": "web", "redirect_uris": ("https://shop.example.com/cb",), "scopes": ("openid",)}
        return clients.register(self.alice.user, Registration(**made | values), trusted=True)[0]


@pytest.fixture
def world(app: Flask, http: FlaskClient, alice: Person) -> World:
    names.rename(alice.id, "Al", given_name="Alice", family_name="Martin")
    standard_claims.change(alice.id, FILLED_IN)
    session_id = sign_in(http, alice)
    assert session_id
    shop = protocol.register(
        id="shop", redirect_uris=[CALLBACK], scopes=[*IDENTITY, "workflows:read"],
        jwks=own_jwts.key_set(*(own_jwts.pair(alg) for alg in ("RS256", "PS256", "ES256", "EdDSA"))),
    )  # fmt: skip
    return World(shop, alice, http, metadata.describe(config.current()))


# What uses each member


def is_the_issuer(world: World) -> None:
    """Discovery section 4.3; RFC 8414 section 3.3: the same text in tokens and answers."""
    tokens = world.tokens()
    assert protocol.claims(tokens["id_token"])["iss"] == world.said["issuer"] == ISSUER
    assert answer_of(world.ask(prompt="none"))["iss"] == ISSUER


def answers_at(method: str, *good: int) -> Callable[[World, str], None]:
    def check(world: World, url: str) -> None:
        assert url.startswith(ISSUER + "/")
        assert world.http.open(urlsplit(url).path, method=method).status_code in good, url

    return check


def describes_resources(world: World, identifiers: list[str]) -> None:
    """RFC 9728 section 4."""
    for each in identifiers:
        path = "/.well-known/oauth-protected-resource" + each.removeprefix(ISSUER)
        found = world.http.get(path).json
        assert found is not None and found["resource"] == each


def scopes_can_be_had(world: World, scopes: list[str]) -> None:
    """RFC 6749 section 3.3; Core 5.4 and 11 for the identity scopes."""
    assert set(IDENTITY) <= set(scopes)
    granted = set(world.tokens(scope=" ".join((*IDENTITY, "workflows:read")))["scope"].split())
    assert granted == {*IDENTITY, "workflows:read"} <= set(scopes)


def response_types_work(world: World, types: list[str]) -> None:
    for each in ("code", "token", "id_token", "code id_token", "code token", "id_token token", "none"):
        answer = world.ask(response_type=each, prompt="none")
        refused = answer_of(answer)["error"] == "unsupported_response_type"
        assert refused is (each not in types), each


def response_modes_work(world: World, modes: list[str]) -> None:
    for each in modes:
        answer = world.ask(response_mode=each, prompt="none")
        places = {"query": "?error=", "fragment": "#error="}
        assert places[each] in answer.location if each in places else 'name="error"' in answer.text


def grants_are_known(world: World, grants: list[str]) -> None:
    for each in grants:
        error = protocol.send("/oauth/token", {"grant_type": each}, world.app.basic).json.get("error")
        assert error in (None, "invalid_request"), each


def challenge_methods_work(world: World, methods: list[str]) -> None:
    for each in ("S256", "plain"):
        answer = world.ask(code_challenge_method=each)
        assert (answer.status_code == 200) is (each in methods), each


def methods_work_at(path: str, error: str) -> Callable[[World, list[str]], None]:
    def check(world: World, methods: list[str]) -> None:
        for method in ("private_key_jwt", "client_secret_basic", "client_secret_post", "none"):
            keys = own_jwts.key_set(own_jwts.pair())
            app = protocol.register(token_endpoint_auth_method=method, public=method == "none", jwks=keys)
            fields = {"grant_type": "refresh_token", "refresh_token": "x", "token": "x"}
            by = {
                "private_key_jwt": (fields | own_jwts.assertion(app.id), {}),
                "client_secret_basic": (fields, app.basic),
                "client_secret_post": (fields | app.post, {}),
                "none": (fields | {"client_id": app.id}, {}),
            }[method]
            said = send(path, *by).json.get("error", "")
            assert said == (error if method in methods else "invalid_client"), method

    return check


def issuers_come_along(world: World, supported: bool) -> None:
    """RFC 9207 section 2.3."""
    assert supported and answer_of(world.ask(prompt="none"))["iss"] == ISSUER


def subject_types_can_be_registered(world: World, types: list[str]) -> None:
    """Core 8."""
    assert {world.registered(subject_type=each).subject_type for each in types} == {"public", "pairwise"}
    with pytest.raises(Invalid):
        world.registered(subject_type="other")


def algs_sign_id_tokens(world: World, algs: list[str]) -> None:
    """Core 3.1.3.7, 15.1: RS256 is there; what is registered is what signs."""
    assert algs[0] == "RS256"
    for each in algs:
        world.registered(id_token_alg=each)
        protocol.change(world.app, id_token_alg=each)
        assert jwt.peek_header(world.tokens()["id_token"])["alg"] == each


def algs_sign_userinfo(world: World, algs: list[str]) -> None:
    """Core 5.3.2."""
    for each in algs:
        world.registered(userinfo_alg=each)
        protocol.change(world.app, userinfo_alg=each)
        reply = send("/oauth/userinfo", headers=bearer(world.tokens()["access_token"]), method="GET")
        assert jwt.peek_header(reply.body.decode())["alg"] == each


def algs_sign_introspection(world: World, algs: list[str]) -> None:
    """RFC 9701 sections 6 and 7."""
    for each in algs:
        world.registered(introspection_alg=each)
        protocol.change(world.app, introspection_alg=each)
        asking = {**world.app.basic, "accept": "application/token-introspection+jwt"}
        reply = send("/oauth/introspect", {"token": "x"}, asking)
        assert jwt.peek_header(reply.body.decode())["alg"] == each


def every_claim_is_told(world: World, supported: list[str]) -> None:
    """Core 2 and 5.1: in the ID token or at userinfo, where there is something to tell; and no other."""
    tokens = world.tokens(scope=" ".join(IDENTITY))
    userinfo = send("/oauth/userinfo", headers=bearer(tokens["access_token"]), method="GET").json
    assert protocol.claims(tokens["id_token"]).keys() | userinfo.keys() == set(supported)


def claims_can_be_asked(world: World, supported: bool) -> None:
    """Core 5.5."""
    wanted = json.dumps({"userinfo": {"nickname": {"essential": True}}})
    token = world.tokens(claims=wanted)["access_token"]
    userinfo = send("/oauth/userinfo", headers=bearer(token), method="GET").json
    assert supported and userinfo == {"sub": world.alice.id, "nickname": "Al"}


def claims_are_normal(world: World, types: list[str]) -> None:
    """Core 5.6.1: neither aggregated nor distributed."""
    token = world.tokens(scope=" ".join(IDENTITY))["access_token"]
    userinfo = send("/oauth/userinfo", headers=bearer(token), method="GET").json
    assert types == ["normal"] and not {"_claim_names", "_claim_sources"} & userinfo.keys()


def classes_are_reached(world: World, classes: list[str]) -> None:
    """Core 5.5.1.1."""
    for each in (*classes, "phr"):
        wanted = json.dumps({"id_token": {"acr": {"essential": True, "value": each}}})
        if each in classes:
            assert protocol.claims(world.tokens(claims=wanted)["id_token"])["acr"] == each
        else:
            assert answer_of(world.ask(claims=wanted))["error"] == "unmet_authentication_requirements"


def prompts_are_understood(world: World, prompts: list[str]) -> None:
    """Core 3.1.2.1; Initiating User Registration 4.2."""
    for each in (*prompts, "create", "sometimes"):
        answer = world.ask(prompt=each)
        refused = answer.status_code == 303 and answer_of(answer).get("error") == "invalid_request"
        assert refused is (each not in prompts), each


def displays_are_pages(world: World, displays: list[str]) -> None:
    assert displays
    assert {world.ask(display=each).status_code for each in displays} == {200}


def pages_speak(world: World, locales: list[str]) -> None:
    for each in locales:
        assert f'<html lang="{each}"' in world.ask(ui_locales=each).text


def objects_come_by_value(world: World, supported: bool) -> None:
    """Core 6.1."""
    signed = own_jwts.signed(own_jwts.pair("ES256"), {"prompt": "none", "state": "inside"})
    assert supported and answer_of(world.ask(request=signed))["state"] == "inside"


def objects_come_by_reference(world: World, supported: bool) -> None:
    """Core 6.2: the registered address is asked, through the guard that here says no."""
    protocol.change(world.app, request_uris=["https://127.0.0.1/r"])
    error = answer_of(world.ask(request_uri="https://127.0.0.1/r"))["error"]
    assert supported and error == "invalid_request_uri"


def addresses_need_registration(world: World, needed: bool) -> None:
    assert needed and answer_of(world.ask(request_uri="https://elsewhere.example/r"))["error"] == "invalid_request_uri"


def algs_verify_assertions_at(path: str, error: str) -> Callable[[World, list[str]], None]:
    """RFC 8414 section 2: with what a client may sign that it is who it says."""

    def check(_world: World, algs: list[str]) -> None:
        for alg in algs:
            key = own_jwts.pair(alg)
            app = protocol.register(token_endpoint_auth_method="private_key_jwt", jwks=own_jwts.key_set(key))
            fields = {"grant_type": "refresh_token", "refresh_token": "x", "token": "x"}
            assert send(path, fields | own_jwts.assertion(app.id, key)).json.get("error", "") == error, alg

    return check


def algs_verify_objects(world: World, algs: list[str]) -> None:
    """Core 6.3.2; `none` for who registered it."""
    for each in algs:
        protocol.change(world.app, request_object_alg=each)
        said = {"prompt": "none", "state": each}
        unsigned = "eyJhbGciOiJub25lIn0.eyJwcm9tcHQiOiJub25lIiwic3RhdGUiOiJub25lIn0."
        token = unsigned if each == "none" else own_jwts.signed(own_jwts.pair(each), said)
        assert answer_of(world.ask(request=token))["state"] == each


def urls_are_client_ids(world: World, supported: bool) -> None:
    """draft-ietf-oauth-client-id-metadata-document: looked up, where the guard says no."""
    answer = world.ask(client_id="https://127.0.0.1/client.json", redirect_uri="https://127.0.0.1/cb")
    assert supported and answer.status_code == 400 and "Location" not in answer.headers


def apps_are_told(world: World, supported: bool) -> None:
    """Back-Channel Logout 1.0, section 2.1: with the `sid` of the sign-in."""
    protocol.change(world.app, backchannel_logout_uri="https://shop.example.com/out")
    sid = protocol.claims(world.tokens()["id_token"])["sid"]
    forms.submit(world.http, "/logout")
    assert supported and [each.notice.session_id for each in logout_notices.list_for(world.alice.id)] == [sid]


def apps_are_loaded(world: World, supported: bool) -> None:
    """Front-Channel Logout 1.0, section 3: with `iss` and `sid`."""
    protocol.change(world.app, frontchannel_logout_uri="https://shop.example.com/out")
    sid = protocol.claims(world.tokens()["id_token"])["sid"]
    page = forms.submit(world.http, "/logout").text
    assert supported and "https://shop.example.com/out?iss=" in page and f"sid={sid}" in page


OF_VALUES: dict[str, Callable[[World, Any], None]] = {
    "authorization_endpoint": answers_at("GET", 400),
    "token_endpoint": answers_at("POST", 400),
    "userinfo_endpoint": answers_at("GET", 401),
    "introspection_endpoint": answers_at("POST", 400),
    "revocation_endpoint": answers_at("POST", 400),
    "end_session_endpoint": answers_at("GET", 200),
    "backchannel_logout_supported": apps_are_told,
    "backchannel_logout_session_supported": apps_are_told,
    "frontchannel_logout_supported": apps_are_loaded,
    "frontchannel_logout_session_supported": apps_are_loaded,
    "jwks_uri": answers_at("GET", 200),
    "device_authorization_endpoint": answers_at("POST", 400),
    "registration_endpoint": answers_at("POST", 400, 401),
    "protected_resources": describes_resources,
    "scopes_supported": scopes_can_be_had,
    "response_types_supported": response_types_work,
    "response_modes_supported": response_modes_work,
    "grant_types_supported": grants_are_known,
    "code_challenge_methods_supported": challenge_methods_work,
    "token_endpoint_auth_methods_supported": methods_work_at("/oauth/token", "invalid_grant"),
    "token_endpoint_auth_signing_alg_values_supported": algs_verify_assertions_at("/oauth/token", "invalid_grant"),
    "introspection_endpoint_auth_signing_alg_values_supported": algs_verify_assertions_at("/oauth/introspect", ""),
    "revocation_endpoint_auth_signing_alg_values_supported": algs_verify_assertions_at("/oauth/revoke", ""),
    "introspection_endpoint_auth_methods_supported": methods_work_at("/oauth/introspect", ""),
    "revocation_endpoint_auth_methods_supported": methods_work_at("/oauth/revoke", ""),
    "authorization_response_iss_parameter_supported": issuers_come_along,
    "subject_types_supported": subject_types_can_be_registered,
    "id_token_signing_alg_values_supported": algs_sign_id_tokens,
    "userinfo_signing_alg_values_supported": algs_sign_userinfo,
    "introspection_signing_alg_values_supported": algs_sign_introspection,
    "claims_supported": every_claim_is_told,
    "claims_parameter_supported": claims_can_be_asked,
    "claim_types_supported": claims_are_normal,
    "acr_values_supported": classes_are_reached,
    "prompt_values_supported": prompts_are_understood,
    "display_values_supported": displays_are_pages,
    "ui_locales_supported": pages_speak,
    "request_parameter_supported": objects_come_by_value,
    "request_uri_parameter_supported": objects_come_by_reference,
    "require_request_uri_registration": addresses_need_registration,
    "request_object_signing_alg_values_supported": algs_verify_objects,
    "client_id_metadata_document_supported": urls_are_client_ids,
}


def test_every_member_has_a_use_here_and_every_use_a_member(world: World) -> None:
    assert world.said.keys() == {"issuer", *OF_VALUES}


def test_the_issuer_is_the_one_of_tokens_and_answers(world: World) -> None:
    is_the_issuer(world)


@pytest.mark.parametrize("member", OF_VALUES)
def test_what_a_member_says_is_so(world: World, member: str) -> None:
    OF_VALUES[member](world, world.said[member])


@pytest.mark.parametrize("alg", ["PS256", "EdDSA"])
def test_algorithms_are_listed_as_soon_as_a_key_signs_with_them(world: World, alg: str) -> None:
    """Discovery section 3: with the key, and not before."""
    assert alg not in world.said["id_token_signing_alg_values_supported"]
    with signing_with(alg):
        now = metadata.describe(config.current())
    for signed in ("id_token", "userinfo", "introspection"):
        member = f"{signed}_signing_alg_values_supported"
        assert set(now[member]) == {"RS256", "ES256", alg}
