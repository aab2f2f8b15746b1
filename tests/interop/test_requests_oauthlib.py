"""requests-oauthlib, whose habits date from RFC 6749's first years."""

from __future__ import annotations

import pytest
from oauthlib.oauth2 import AccessDeniedError, BackendApplicationClient, InvalidClientError, InvalidGrantError
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from tests.support.served import Served

pytestmark = [pytest.mark.served, pytest.mark.interop]


@pytest.fixture(autouse=True)
def _http_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("OAUTHLIB_RELAX_TOKEN_SCOPE", "")


@pytest.mark.parametrize("in_body", [False, True], ids=["secret in the header", "secret in the body"])
def test_code_then_refresh(served: Served, in_body: bool) -> None:
    app = served.app("Older app", "--scope", "openid email workflows:read")
    client = OAuth2Session(
        app.client_id, redirect_uri=app.redirect_uri, scope=["openid", "email", "workflows:read"], pkce="S256"
    )
    url, _state = client.authorization_url(served.issuer + "/oauth/authorize")
    browser = served.browser("alice@example.test")
    back = browser.submit(browser.open(url).form("/oauth/authorize/consent"), action="allow").location
    how = {"include_client_id": True} if in_body else {"auth": HTTPBasicAuth(app.client_id, app.client_secret)}
    token = client.fetch_token(
        served.issuer + "/oauth/token", authorization_response=back, client_secret=app.client_secret, **how
    )
    assert client.get(served.issuer + "/oauth/userinfo").json()["email"] == "alice@example.test"

    extra = (
        {"client_id": app.client_id, "client_secret": app.client_secret}
        if in_body
        else {"auth": HTTPBasicAuth(app.client_id, app.client_secret)}
    )
    renewed = client.refresh_token(served.issuer + "/oauth/token", refresh_token=token["refresh_token"], **extra)
    assert renewed["refresh_token"] != token["refresh_token"]
    assert app.revoke(renewed["refresh_token"]).status == 200
    with pytest.raises(InvalidGrantError):
        client.refresh_token(served.issuer + "/oauth/token", refresh_token=renewed["refresh_token"], **extra)


def test_client_credentials(served: Served) -> None:
    app = served.machine("Older job")
    client = OAuth2Session(client=BackendApplicationClient(app.client_id, scope=["workflows:read"]))
    token = client.fetch_token(served.issuer + "/oauth/token", auth=HTTPBasicAuth(app.client_id, app.client_secret))
    assert token["scope"] == ["workflows:read"]
    assert app.is_active(token["access_token"])


def test_a_wrong_secret_is_an_error_that_the_client_understands(served: Served) -> None:
    app = served.machine("Older job")
    client = OAuth2Session(client=BackendApplicationClient(app.client_id))
    with pytest.raises(InvalidClientError):
        client.fetch_token(served.issuer + "/oauth/token", auth=HTTPBasicAuth(app.client_id, "wrong"))


def test_denied_consent_arrives_as_access_denied(served: Served) -> None:
    app = served.app("Older app")
    client = OAuth2Session(app.client_id, redirect_uri=app.redirect_uri, scope=["openid", "email"], pkce="S256")
    url, _state = client.authorization_url(served.issuer + "/oauth/authorize")
    browser = served.browser("alice@example.test")
    back = browser.submit(browser.open(url).form("/oauth/authorize/consent"), action="deny").location
    with pytest.raises(AccessDeniedError):
        client.fetch_token(served.issuer + "/oauth/token", authorization_response=back)
