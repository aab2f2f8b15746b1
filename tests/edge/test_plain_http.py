"""What came over plain http carries nothing: a named proxy says so, and nobody is led to https without noticing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support import protocol

PROXY = "10.0.0.5"
pytestmark = pytest.mark.parametrize(
    "overrides",
    [{"issuer": "https://auth.example.com", "trusted_proxies": ("10.0.0.0/8",), "log_level": "INFO"}],
    ids=["https"],
)
ENDPOINTS = ("/oauth/token", "/oauth/introspect", "/oauth/revoke", "/oauth/userinfo", "/v1/me")


def ask(http: FlaskClient, method: str, path: str, scheme: str = "http", peer: str = PROXY, **more: Any) -> Any:
    headers = {"Host": "auth.example.com", "X-Forwarded-Proto": scheme, **more.pop("headers", {})}
    return http.open(path, method=method, headers=headers, environ_base={"REMOTE_ADDR": peer}, **more)


@pytest.mark.parametrize("path", ENDPOINTS)
def test_credentials_of_programs_are_refused_without_a_redirect_and_that_is_logged(
    http: FlaskClient, path: str, capfd: pytest.CaptureFixture[str]
) -> None:
    app = protocol.register()
    sent: list[dict[str, Any]] = [{"headers": app.basic}]
    if path.startswith("/oauth"):
        sent.append({"data": {**app.post, "grant_type": "client_credentials"}})
    for each in sent:
        answer = ask(http, "GET" if path == "/v1/me" else "POST", path, **each)
        assert (answer.status_code, answer.location) == (400, None), answer.text
        assert "https" in answer.text
    told = [json.loads(line) for line in capfd.readouterr().err.splitlines() if "plain_http_refused" in line]
    assert [line["path"] for line in told] == [path] * len(sent)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/login"), ("POST", "/login"), ("POST", "/password/reset")]
)
def test_a_page_shows_no_form_and_takes_none(
    http: FlaskClient, method: str, path: str, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = ask(http, method, path, data={"email": "a@b.test", "password": "x"} if method == "POST" else None)
    assert (answer.status_code, answer.location) == (400, None)
    assert "https://auth.example.com" in answer.text and 'name="email"' not in answer.text
    assert '"plain_http_refused"' in capfd.readouterr().err


def test_the_token_of_a_link_is_not_logged_for_it(http: FlaskClient, capfd: pytest.CaptureFixture[str]) -> None:
    assert ask(http, "GET", "/welcome/Zk3v9Qm2Tn8xLw5R").status_code == 400
    said = capfd.readouterr().err
    assert "plain_http_refused" in said and "Zk3v9Qm2Tn8xLw5R" not in said


def test_https_and_documents_are_served(http: FlaskClient) -> None:
    assert ask(http, "GET", "/login", "https").status_code == 200
    assert ask(http, "GET", "/.well-known/jwks.json").status_code == 200


def test_a_stranger_who_says_so_is_not_believed(http: FlaskClient) -> None:
    assert ask(http, "GET", "/login", peer="203.0.113.9").status_code == 200
