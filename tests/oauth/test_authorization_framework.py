"""RFC 6749, rule by rule: what binds this server and is not shown where its endpoints and grants are tested."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from tests.conftest import Person
from tests.support import authorizing, devices, protocol, registering
from tests.support.authorizing import answer_consent, answer_of, authorize, followed, sign_in
from tests.support.protocol import App, send

CODE = {"grant_type": "authorization_code", "redirect_uri": protocol.CALLBACK, "code_verifier": protocol.VERIFIER}
# A good request at every endpoint that takes parameters of a client, and the status of its answer.
GOOD: dict[str, tuple[dict[str, str], int]] = {
    "/oauth/token": ({"grant_type": "client_credentials"}, 200),
    "/oauth/introspect": ({"token": "x"}, 200),
    "/oauth/revoke": ({"token": "x"}, 200),
    devices.PATH: ({"scope": "openid"}, 200),
}


@pytest.mark.parametrize("path", GOOD)
def test_parameters_that_are_not_known_are_ignored(web_app: App, path: str) -> None:
    """Section 3.2: unrecognized request parameters MUST be ignored (RFC 8628 section 3.1 says the same)."""
    fields, status = GOOD[path]
    assert send(path, fields | {"colour": "green", "audience": "https://x.example"}, web_app.basic).status == status


@pytest.mark.parametrize("path", GOOD)
def test_parameters_without_a_value_are_left_out(web_app: App, path: str) -> None:
    """Section 3.2: they MUST be treated as if they were omitted (RFC 8628 section 3.1 says the same)."""
    fields, status = GOOD[path]
    empty = {"client_id": "", "client_secret": "", "client_assertion": "", "resource": "", "token_type_hint": ""}
    assert send(path, fields | empty, web_app.basic).status == status


@pytest.mark.parametrize("name", ["code", "refresh_token"])
def test_every_grant_asks_a_confidential_client_to_prove_itself(web_app: App, alice: Person, name: str) -> None:
    """Sections 3.2.1, 4.1.3 and 6: client authentication is required; who fails spends nothing."""
    grants = {
        "code": lambda: CODE | {"code": protocol.allow(alice.id, web_app)},
        "refresh_token": lambda: {
            "grant_type": "refresh_token",
            "refresh_token": protocol.tokens_for(alice.id, web_app)["refresh_token"],
        },
    }
    fields = grants[name]()
    assert send("/oauth/token", fields | {"client_id": web_app.id}).error == (400, "invalid_client")
    assert send("/oauth/token", fields, protocol.basic(web_app.id, "wrong")).error == (401, "invalid_client")
    assert send("/oauth/token", fields, web_app.basic).status == 200


def test_a_client_that_proves_nothing_says_who_it_is(spa: App, alice: Person) -> None:
    """Section 3.2.1: without authentication `client_id` MUST be sent, so that a code is taken for no other client's."""
    code = CODE | {"code": protocol.allow(alice.id, spa)}
    assert send("/oauth/token", code).error == (400, "invalid_client")
    assert send("/oauth/token", code | {"client_id": spa.id}).status == 200


def test_a_public_clients_code_is_nothing_to_another_public_client(spa: App, alice: Person) -> None:
    """Section 4.1.3: the code MUST have been issued to the `client_id` of the request."""
    other, code = protocol.register(public=True), CODE | {"code": protocol.allow(alice.id, spa)}
    assert send("/oauth/token", code | {"client_id": other.id}).error == (400, "invalid_grant")
    assert send("/oauth/token", code | {"client_id": spa.id}).status == 200


def test_a_public_clients_refresh_token_is_nothing_to_another_public_client(spa: App, alice: Person) -> None:
    """Section 10.4: the binding between a refresh token and its client MUST be kept."""
    other, token = protocol.register(public=True), protocol.tokens_for(alice.id, spa)["refresh_token"]
    assert protocol.refresh(other, token).error == (400, "invalid_grant")
    assert protocol.refresh(spa, token).status == 200


def test_an_app_without_a_redirect_uri_signs_nobody_in(app: Any, http: FlaskClient) -> None:
    """Section 3.1.2.2: public clients MUST have registered one; what a request brings along replaces none."""
    for public in (True, False):
        client_id = authorizing.make_app(f"bare-{public}", public=public, redirect_uris=[])
        for uri in (None, authorizing.CALLBACK):
            answer = authorize(http, client_id=client_id, redirect_uri=uri)
            assert answer.status_code == 400 and "Location" not in answer.headers


@pytest.mark.parametrize("kind", ["id_token code", "code id_token token", "code code", "token id_token", "CODE"])
def test_a_response_type_of_several_values_is_one_that_is_not_understood(
    app: Any, http: FlaskClient, kind: str
) -> None:
    """Section 3.1.1: whatever the order of its values, an error MUST be returned."""
    authorizing.make_app()
    assert answer_of(authorize(http, response_type=kind))["error"] == "unsupported_response_type"


def test_the_case_of_a_scope_counts_and_the_order_does_not(web_app: App) -> None:
    """Section 3.3."""
    reply = protocol.client_credentials(web_app, scope="Workflows:read EMAIL workflows:write workflows:read")
    assert set(reply.json["scope"].split()) == {"workflows:read", "workflows:write"}


def test_the_answer_has_a_code_and_no_state_that_nobody_sent(app: Any, http: FlaskClient, alice: Person) -> None:
    """Section 4.1.2: `state` is required if, and only if, it was in the request."""
    authorizing.make_app()
    sign_in(http, alice)
    answer = answer_of(answer_consent(http, followed(http, authorize(http, state=None))))
    assert answer.keys() == {"code", "iss"}


def test_the_answer_is_form_encoded(app: Any, http: FlaskClient, alice: Person) -> None:
    """Section 4.1.2: the query of the answer has the format application/x-www-form-urlencoded."""
    authorizing.make_app()
    sign_in(http, alice)
    answer = answer_consent(http, followed(http, authorize(http, state="ü & = + #")))
    query = urlsplit(answer.location).query
    assert query.isascii() and not urlsplit(answer.location).fragment
    assert "state=%C3%BC%20%26%20%3D%20%2B%20%23" in query


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"registration": "open"}


def test_whatever_holds_a_credential_is_kept_by_no_cache(web_app: App, spa: App, alice: Person) -> None:
    """Section 5.1: `no-store` and `Pragma: no-cache` MUST stand by tokens and credentials, wherever they are told."""
    tokens = protocol.exchange(web_app, protocol.allow(alice.id, web_app))
    made = registering.register()
    replies = {
        "code": tokens,
        "refresh": protocol.refresh(web_app, tokens.json["refresh_token"]),
        "client credentials": protocol.client_credentials(web_app),
        "introspection": protocol.introspect(web_app, tokens.json["access_token"]),
        "userinfo": send("/oauth/userinfo", headers=protocol.bearer(tokens.json["access_token"]), method="GET"),
        "device": devices.ask(devices.register()),
        "registration": made,
        "what was registered": registering.manage("GET", made.json),
    }
    for name, reply in replies.items():
        assert reply.status in (200, 201), name
        assert (reply.header("cache-control"), reply.header("pragma")) == ("no-store", "no-cache"), name
