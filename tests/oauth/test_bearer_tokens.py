"""RFC 6750 wherever this server takes bearer tokens: its API, userinfo, introspection, gateway and registration."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.conftest import Person
from tests.support.protocol import App, bearer, tokens_for

PARAMETER = re.compile(r'([a-z_]+)="([^"\\]*)"')
SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")
DESCRIPTION = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]+")
RESOURCES = {
    "/v1/me": "GET",
    "/v1/api-keys": "GET",
    "/oauth/userinfo": "GET",
    "/oauth/introspect": "POST",
    "/gateway/auth/any": "GET",
    "/oauth/register": "POST",
}
# Without a Bearer header, introspection is asked by a client, which proves itself in other ways.
OF_BEARERS = [path for path in RESOURCES if path != "/oauth/introspect"]


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"registration": "token"}


def ask(http: FlaskClient, path: str, **headers: str) -> Any:
    body = {"json": {}} if path == "/oauth/register" else {"data": {"token": "x"}} if RESOURCES[path] == "POST" else {}
    return http.open(path, method=RESOURCES[path], headers=headers, **body)


def challenge(answer: Any) -> dict[str, str]:
    """The parameters of the one challenge, each of which may stand there once (section 3)."""
    (said,) = answer.headers.getlist("WWW-Authenticate")
    assert said.startswith("Bearer ")
    found = PARAMETER.findall(said)
    assert ", ".join(f'{name}="{value}"' for name, value in found) == said.removeprefix("Bearer ")
    assert len(dict(found)) == len(found) > 0
    return dict(found)


@pytest.mark.parametrize("path", OF_BEARERS)
def test_who_sends_nothing_is_told_how_to_and_of_no_error(http: FlaskClient, path: str) -> None:
    """Section 3: a challenge MUST be there, with one parameter at least; section 3.1: without an error code."""
    answer = ask(http, path)
    assert answer.status_code == 401
    assert not {"error", "error_description", "error_uri"} & challenge(answer).keys()


@pytest.mark.parametrize("path", RESOURCES)
def test_who_sends_what_is_no_good_is_told_so(http: FlaskClient, path: str) -> None:
    """Sections 3 and 3.1: 401, `invalid_token`, in the characters that a challenge may have."""
    for bad in ("x", "kaie_at_" + "0" * 36, 'a"b', "eyJhbGciOiJub25lIn0.e30."):
        answer = ask(http, path, **bearer(bad))
        said = challenge(answer)
        assert (answer.status_code, said["error"]) == (401, "invalid_token")
        assert DESCRIPTION.fullmatch(said.get("error_description", "-"))


@pytest.mark.parametrize(("path", "needed"), [("/v1/api-keys", "keys:manage"), ("/oauth/introspect", "introspect"),
                                              ("/oauth/userinfo", "openid")])  # fmt: skip
def test_who_may_not_is_told_which_scope_is_missing(
    http: FlaskClient, web_app: App, alice: Person, path: str, needed: str
) -> None:
    """Section 3.1: 403, `insufficient_scope`, with the scope that is needed."""
    token = tokens_for(alice.id, web_app, scopes=["workflows:read"])["access_token"]
    answer = ask(http, path, **bearer(token))
    said = challenge(answer)
    assert (answer.status_code, said["error"], said["scope"]) == (403, "insufficient_scope", needed)
    assert SCOPE.fullmatch(said["scope"])


def test_a_form_in_a_get_brings_no_token(http: FlaskClient, web_app: App, alice: Person) -> None:
    """Section 2.2: a token comes in a body only where a body means something, so that GET MUST NOT be used."""
    token = tokens_for(alice.id, web_app)["access_token"]
    assert http.post("/oauth/userinfo", data={"access_token": token}).status_code == 200
    assert http.get("/oauth/userinfo", data={"access_token": token}).status_code in (400, 401)


@pytest.mark.parametrize("content_type", ["multipart/form-data", "application/json", "text/plain"])
def test_a_body_of_another_form_brings_no_token(
    http: FlaskClient, web_app: App, alice: Person, content_type: str
) -> None:
    """Section 2.2: single-part, and application/x-www-form-urlencoded."""
    token = tokens_for(alice.id, web_app)["access_token"]
    body: Any = {"access_token": token} if "multipart" in content_type else f"access_token={token}"
    assert http.post("/oauth/userinfo", data=body, content_type=content_type).status_code in (400, 401)


@pytest.mark.parametrize("path", ["/v1/me", "/gateway/auth/any"])
def test_the_api_takes_tokens_of_the_header_alone(http: FlaskClient, web_app: App, alice: Person, path: str) -> None:
    """Sections 2.2 and 2.3 are optional; where they are not offered, what comes so is no credential."""
    token = tokens_for(alice.id, web_app)["access_token"]
    assert http.get(path, headers=bearer(token)).status_code in (200, 204)
    assert http.get(f"{path}?access_token={token}").status_code == 401
    assert http.get(path, data={"access_token": token}).status_code == 401


def test_no_cookie_is_a_bearer_token(http: FlaskClient, web_app: App, alice: Person) -> None:
    """Section 5.3: what a browser sends by itself is none."""
    http.set_cookie("access_token", tokens_for(alice.id, web_app)["access_token"])
    for path in OF_BEARERS:
        assert ask(http, path).status_code == 401
