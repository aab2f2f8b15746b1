"""Authlib's client, as most Python web apps use it."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from tests.support.browsing import Browser
from tests.support.served import Served
from tests.support.third_party import App

pytestmark = [pytest.mark.served, pytest.mark.interop]


@pytest.fixture
def metadata(served: Served) -> dict[str, Any]:
    return dict(requests.get(served.issuer + "/.well-known/openid-configuration", timeout=30).json())


def session(app: App, method: str = "client_secret_basic") -> OAuth2Session:
    return OAuth2Session(
        app.client_id,
        app.client_secret or None,
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        scope="openid email workflows:read",
        redirect_uri=app.redirect_uri,
        code_challenge_method="S256",
    )


def visit(browser: Browser, url: str) -> str:
    """The URL the person is sent back to."""
    answer = browser.open(url)
    if answer.status == 200:
        answer = browser.submit(answer.form("/oauth/authorize/consent"), action="allow")
    assert answer.status == 303, answer.text[:2000]
    return answer.location


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_the_whole_life_of_a_token(served: Served, metadata: dict[str, Any], method: str) -> None:
    words = ["--public"] if method == "none" else ["--auth-method", method]
    app = served.app("Authlib app", *words)
    client = session(app, method)
    verifier = "a-verifier-that-authlib-was-given-by-its-caller-000"
    url, state = client.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
    back = visit(served.browser("alice@example.test"), url)
    token = client.fetch_token(
        metadata["token_endpoint"], authorization_response=back, code_verifier=verifier, state=state
    )
    assert client.get(metadata["userinfo_endpoint"]).json()["email"] == "alice@example.test"

    renewed = client.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
    assert renewed["refresh_token"] != token["refresh_token"]
    if method != "none":
        told = client.introspect_token(metadata["introspection_endpoint"], token=renewed["access_token"]).json()
        assert told["active"] is True and told["username"] == "alice@example.test"

    assert client.revoke_token(metadata["revocation_endpoint"], token=renewed["refresh_token"]).status_code == 200
    with pytest.raises(OAuthError) as refused:
        client.refresh_token(metadata["token_endpoint"], refresh_token=renewed["refresh_token"])
    assert refused.value.error == "invalid_grant"


def test_a_machine_fetches_a_token(served: Served, metadata: dict[str, Any]) -> None:
    app = served.machine("Authlib job")
    client = OAuth2Session(app.client_id, app.client_secret, scope="workflows:read")
    token = client.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
    assert token["token_type"] == "Bearer" and token["scope"] == "workflows:read"
    assert client.introspect_token(metadata["introspection_endpoint"], token=token["access_token"]).json()["active"]


def test_a_wrong_secret_is_an_error_that_the_client_understands(served: Served, metadata: dict[str, Any]) -> None:
    app = served.machine("Authlib job")
    client = OAuth2Session(app.client_id, "not the secret", scope="workflows:read")
    with pytest.raises(OAuthError) as refused:
        client.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
    assert refused.value.error == "invalid_client"


def test_discovery_is_all_that_authlibs_jwt_check_needs(served: Served, metadata: dict[str, Any]) -> None:
    """The ID token verifies with the announced keys, issuer and algorithm alone."""
    from joserfc import jwt
    from joserfc.jwk import KeySet

    app = served.app("Authlib app")
    asked = app.ask()
    back = visit(served.browser("alice@example.test"), asked.url)
    tokens = session(app).fetch_token(
        metadata["token_endpoint"], authorization_response=back, code_verifier=asked.verifier
    )
    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=30).json())
    found = jwt.decode(tokens["id_token"], keys, algorithms=metadata["id_token_signing_alg_values_supported"])
    assert found.claims["iss"] == metadata["issuer"]
    assert found.claims["aud"] in (app.client_id, [app.client_id])
    assert found.claims["nonce"] == asked.parameters["nonce"]
