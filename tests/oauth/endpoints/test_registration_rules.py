"""RFC 7591 and RFC 7592, rule by rule: what an app that registers itself may rely on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from authserver.domain.clients import clients
from tests.conftest import Person
from tests.support import own_jwts, protocol, registering
from tests.support.protocol import App, introspect
from tests.support.registering import MCP, PATH, manage, register

WEB = {"application_type": "web", "redirect_uris": ["https://app.example.com/cb"]}
KEYS = own_jwts.key_set(own_jwts.pair())


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"registration": "open"}


def test_every_registration_is_a_client_of_its_own() -> None:
    """RFC 7591 section 3.2.1: no id is that of another client, and each has a secret of its own."""
    made = [register().json for _ in range(3)]
    for name in ("client_id", "client_secret", "registration_access_token", "registration_client_uri"):
        assert len({each[name] for each in made}) == 3, name


def test_what_is_told_is_json_of_the_endpoint_that_was_asked() -> None:
    """RFC 7591 section 3.2.1: 201 and application/json; RFC 7592 section 3: where and by what it is managed."""
    reply = register()
    assert (reply.status, reply.header("content-type")) == (201, "application/json")
    assert {"client_id", "registration_client_uri", "registration_access_token"} <= reply.json.keys()


def test_keys_come_in_one_way_alone() -> None:
    """RFC 7591 section 2: `jwks` and `jwks_uri` MUST NOT both be there, in a request or in an answer."""
    both = {"jwks": KEYS, "jwks_uri": "https://app.example.com/jwks"}
    assert register(**WEB, **both).error == (400, "invalid_client_metadata")
    for name, value in both.items():
        assert both.keys() & register(**WEB, **{name: value}).json.keys() == {name}


def test_a_member_in_a_language_is_not_taken_for_the_one_without() -> None:
    """RFC 7591 sections 2 and 2.2: what is not understood MUST be ignored; names have one language here."""
    said = register(**{"client_name#ja-Jpan-JP": "クライアント", "tos_uri#fr": "https://app.example.com/cgu"}).json
    assert said["client_name"] == MCP["client_name"]
    assert not [name for name in said if "#" in name]


@pytest.mark.parametrize("grants", [["authorization_code"], ["authorization_code", "refresh_token"], None])
def test_grants_and_response_types_go_together(grants: list[str] | None) -> None:
    """RFC 7591 section 2.1: with the code grant `code`, and the defaults of section 2 where nothing is said."""
    said = register(grant_types=grants, response_types=None).json
    assert said["response_types"] == ["code"]
    assert said["grant_types"] == (grants or ["authorization_code"])


def test_a_grant_that_was_not_registered_is_refused() -> None:
    """RFC 7591 section 2: what the client registered is what it may use."""
    made = register(grant_types=["authorization_code"]).json
    app = App(made["client_id"], made["client_secret"])
    assert protocol.refresh(app, "x").error == (400, "unauthorized_client")


def test_a_method_that_was_registered_is_the_only_one() -> None:
    """RFC 7591 section 2, `token_endpoint_auth_method`: without one it is `client_secret_basic`."""
    for method, by_basic, by_post in ((None, "invalid_grant", "invalid_client"),
                                      ("client_secret_post", "invalid_client", "invalid_grant")):  # fmt: skip
        made = register(token_endpoint_auth_method=method).json
        app = App(made["client_id"], made["client_secret"])
        fields = {"grant_type": "refresh_token", "refresh_token": "x"}
        assert protocol.send("/oauth/token", fields, app.basic).json["error"] == by_basic
        assert protocol.send("/oauth/token", fields | app.post).json["error"] == by_post


@pytest.mark.parametrize("content_type", ["application/json", "application/json;charset=UTF-8", "Application/JSON"])
def test_a_document_comes_as_json(content_type: str) -> None:
    """RFC 7591 section 3: application/json MUST be taken, however a library writes it."""
    reply = protocol.send(PATH, json.dumps(MCP).encode(), {"content-type": content_type})
    assert reply.status == 201, reply.json


def test_a_protection_that_is_not_to_be_had_is_refused_and_not_dropped() -> None:
    """RFC 9101 section 10.5: an app that wants unsigned requests refused is told that this server does not do it."""
    reply = register(**WEB, require_signed_request_object=True)
    assert reply.error == (400, "invalid_client_metadata")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_it_is_registered_by_post_alone(method: str) -> None:
    """RFC 7591 section 3: POST MUST be accepted; the address of a registration takes what RFC 7592 says."""
    assert protocol.send(PATH, b"", method=method).status == 405
    made = register().json
    assert registering.manage("POST", made, MCP).status == 405


def test_a_removed_app_has_no_living_token(alice: Person) -> None:
    """RFC 7592 section 2.3: its grants, access tokens and refresh tokens end with it, at once."""
    made, auditor = register().json, protocol.register(introspect_all=True)
    app = App(made["client_id"], made["client_secret"])
    tokens = protocol.tokens_for(alice.id, app, scopes=["openid"])
    assert introspect(auditor, tokens["access_token"]).json["active"]
    assert manage("DELETE", made).status == 204
    for name in ("access_token", "refresh_token"):
        assert introspect(auditor, tokens[name]).json == {"active": False}
    assert protocol.refresh(app, tokens["refresh_token"]).error == (401, "invalid_client")


def test_what_is_left_out_of_a_change_is_taken_back() -> None:
    """RFC 7592 section 2.2: values MUST replace and not augment; left out or null asks for removal."""
    made = register(**WEB, tos_uri="https://app.example.com/tos", policy_uri="https://app.example.com/policy",
                    contacts=["a@example.com"], default_max_age=60).json  # fmt: skip
    document = {"client_id": made["client_id"], "redirect_uris": ["https://app.example.com/two"], "tos_uri": None}
    said = manage("PUT", made, document).json
    assert said["redirect_uris"] == ["https://app.example.com/two"]
    assert not {"tos_uri", "policy_uri", "contacts", "default_max_age"} & said.keys()
    assert clients.get(made["client_id"]).contacts == ()


def test_a_change_is_told_as_a_registration_is() -> None:
    """RFC 7592 sections 2.2 and 3: 200 with everything that is registered, the address and the token it has now."""
    made = register().json
    reply = manage("PUT", made, {**MCP, "client_id": made["client_id"]})
    assert (reply.status, reply.header("content-type"), reply.header("cache-control")) == (
        200, "application/json", "no-store",
    )  # fmt: skip
    kept = {"registration_client_uri", "client_id", "client_id_issued_at", *MCP}
    assert {name: reply.json[name] for name in kept} == {name: made[name] for name in kept}


def test_who_is_not_there_and_whose_token_is_wrong_are_told_the_same() -> None:
    """RFC 7592 section 2: 401 MUST be the answer where no such client exists."""
    made = register().json
    absent = manage("GET", {**made, "client_id": "appnobody"})
    wrong = manage("GET", made, token="kaie_rat_" + "0" * 36)
    assert absent.error == wrong.error == (401, "invalid_token")
    assert absent.json["error_description"] == wrong.json["error_description"]
