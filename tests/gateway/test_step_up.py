"""RFC 9470 at a gateway and by introspection: a stale sign-in is refused, and a fresh one helps."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from flask.testing import FlaskClient

from authserver import config, database
from authserver.domain.access import resources
from authserver.domain.api_keys import keys as api_keys
from authserver.lib import acr, clock
from authserver.models import SignInSession
from tests.conftest import Person
from tests.support import authorizing, protocol
from tests.support.authorizing import VERIFIER, answer_consent, answer_of, authorize, followed, sign_in
from tests.support.protocol import App

GATE = "/gateway/envoy/pay:write/pay"


@pytest.fixture
def api(app: object) -> str:
    """An API that asks for a sign-in of the last ten minutes."""
    return resources.create(f"{config.current().issuer}/pay", "Payments", scopes=("pay:write",), max_age=600).identifier


@pytest.fixture
def bank(api: str) -> App:
    return protocol.register(
        id="bank", redirect_uris=[authorizing.CALLBACK], scopes=["openid", "pay:write"], resources=[api]
    )


def get_token(bank: App, browser: FlaskClient, api: str, **changes: Any) -> str:
    asked = {"client_id": "bank", "scope": "pay:write", "resource": api} | changes
    page = followed(browser, authorize(browser, **asked))
    answer = page if page.status_code == 303 else answer_consent(browser, page)
    fields = {"redirect_uri": authorizing.CALLBACK, "code_verifier": VERIFIER}
    return str(protocol.exchange(bank, answer_of(answer)["code"], **fields).json["access_token"])


def signed_in_before(browser: FlaskClient, person: Person, seconds: int, *amr: str) -> None:
    session_id = sign_in(browser, person)
    with database.transaction() as session:
        row = session.get_one(SignInSession, session_id)
        row.auth_time, row.amr = clock.now() - seconds, list(amr or ["pwd"])


def call(browser: FlaskClient, token: str) -> Any:
    return browser.get(GATE, headers={"Authorization": f"Bearer {token}"})


def test_a_stale_sign_in_is_refused_with_what_would_help(bank: App, http: FlaskClient, alice: Person, api: str) -> None:
    """Section 3: the error, `max_age`; RFC 9728 section 5.1: where the API is described."""
    signed_in_before(http, alice, 3600)
    refused = call(http, get_token(bank, http, api))
    said = refused.headers["WWW-Authenticate"]
    assert refused.status_code == 401
    assert refused.get_json()["error"]["code"] == "INSUFFICIENT_USER_AUTHENTICATION"
    assert said.startswith("Bearer ") and 'error="insufficient_user_authentication"' in said
    assert 'max_age="600"' in said and "acr_values" not in said
    assert 'resource_metadata="http://localhost:8000/.well-known/oauth-protected-resource/pay"' in said


def test_scopes_of_others_beside_its_own_take_away_nothing_that_an_api_asks_for(
    http: FlaskClient, alice: Person, api: str
) -> None:
    resources.create(f"{config.current().issuer}/shop", "Shop", scopes=("shop:read",))
    names = ["openid", "pay:write", "shop:read", "workflows:read"]
    app = protocol.register(id="both", redirect_uris=[authorizing.CALLBACK], scopes=names)
    signed_in_before(http, alice, 3600)
    page = followed(http, authorize(http, client_id="both", scope=" ".join(names)))
    fields = {"redirect_uri": authorizing.CALLBACK, "code_verifier": VERIFIER}
    answer = protocol.exchange(app, answer_of(answer_consent(http, page))["code"], **fields)
    sent = {"Authorization": f"Bearer {answer.json['access_token']}"}
    for needed, status in (("pay:write+shop:read", 401), ("pay:write+workflows:read", 401), ("shop:read", 200)):
        assert http.get(f"/gateway/auth/{needed}", headers=sent).status_code == status, needed


def test_the_client_steps_up_and_its_new_token_works(bank: App, http: FlaskClient, alice: Person, api: str) -> None:
    """Sections 4 and 5: a request with `max_age` asks for a sign-in, and the token that follows is good."""
    signed_in_before(http, alice, 3600)
    assert call(http, get_token(bank, http, api)).status_code == 401
    asked = {"client_id": "bank", "scope": "pay:write", "resource": api, "max_age": "600"}
    page = followed(http, authorize(http, **asked))
    assert page.request.path == "/login"
    sign_in(http, alice)
    token = get_token(bank, http, api, max_age="600")
    assert call(http, token).status_code == 200
    assert clock.now() - protocol.claims(token)["auth_time"] < 60


def test_a_class_is_asked_for_by_name(bank: App, http: FlaskClient, alice: Person, api: str) -> None:
    """Section 3: `acr_values`."""
    with mock.patch.object(acr, "REACHABLE", acr.ORDER):
        resources.update(api, "Payments", acr_values="aal2")
    signed_in_before(http, alice, 10)
    weak = call(http, get_token(bank, http, api))
    assert (weak.status_code, 'acr_values="aal2"' in weak.headers["WWW-Authenticate"]) == (401, True)
    assert "max_age" not in weak.headers["WWW-Authenticate"]
    signed_in_before(http, alice, 10, "pwd", "otp")
    assert call(http, get_token(bank, http, api)).status_code == 200


def test_a_key_stands_for_no_sign_in(http: FlaskClient, alice: Person, api: str) -> None:
    from authserver.domain.access import permissions

    permissions.change("full_access", [*permissions.get("full_access").scopes, "pay:write"])
    _, key = api_keys.create(alice.user, api_keys.Wish("CI", "full_access"))
    refused = call(http, key)
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (401, "INSUFFICIENT_USER_AUTHENTICATION")
    assert "API key" in refused.get_json()["error"]["details"]


def test_an_app_that_acts_for_itself_has_nobody_to_sign_in(bank: App, http: FlaskClient, api: str) -> None:
    token = protocol.client_credentials(bank, scope="pay:write", resource=api).json["access_token"]
    assert call(http, token).status_code == 200


def test_introspection_says_it_and_what_the_sign_in_was(bank: App, http: FlaskClient, alice: Person, api: str) -> None:
    """Section 6.2: `acr` and `auth_time`. The token is good: its API refuses it in these words."""
    server = protocol.register(resource_server_for=[api])
    signed_in_before(http, alice, 3600)
    stale = protocol.introspect(server, get_token(bank, http, api)).json
    assert (stale["active"], stale["acr"]) == (True, "aal1")
    assert stale["auth_time"] <= clock.now() - 3600
    assert stale["insufficient_user_authentication"] == {"max_age": "600"}
    signed_in_before(http, alice, 10)
    assert "insufficient_user_authentication" not in protocol.introspect(server, get_token(bank, http, api)).json


def test_only_the_api_itself_is_told(bank: App, http: FlaskClient, alice: Person, api: str) -> None:
    signed_in_before(http, alice, 3600)
    token = get_token(bank, http, api)
    assert "insufficient_user_authentication" not in protocol.introspect(bank, token).json
    trusted = protocol.register(introspect_all=True)
    assert "insufficient_user_authentication" in protocol.introspect(trusted, token).json


@pytest.mark.parametrize("format", ["jwt", "opaque"])
def test_a_refresh_makes_no_sign_in_younger(bank: App, http: FlaskClient, alice: Person, api: str, format: str) -> None:
    """RFC 9068 section 2.2.1: `auth_time` stays that of the sign-in, whatever was refreshed since."""
    protocol.change(bank, access_token_format=format)
    signed_in_before(http, alice, 3600)
    asked = {"client_id": "bank", "scope": "pay:write", "resource": api}
    answer = answer_of(answer_consent(http, followed(http, authorize(http, **asked))))
    fields = {"redirect_uri": authorizing.CALLBACK, "code_verifier": VERIFIER}
    tokens = protocol.exchange(bank, answer["code"], **fields).json
    renewed = protocol.refresh(bank, tokens["refresh_token"]).json["access_token"]
    assert call(http, renewed).status_code == 401
