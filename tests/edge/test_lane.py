"""The lane and Flask answer alike: the same handlers, with or without a framework around them."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

VARYING = {"X-Request-Id", "Date"}
REQUESTS = [
    ("GET", "/.well-known/jwks.json", {}),
    ("HEAD", "/.well-known/jwks.json", {}),
    ("GET", "/.well-known/openid-configuration", {}),
    ("GET", "/.well-known/oauth-protected-resource/v1", {}),
    ("GET", "/.well-known/oauth-protected-resource/nothing", {}),
    ("POST", "/oauth/token", {"grant_type": "client_credentials"}),
    ("PUT", "/oauth/token", {}),
    ("GET", "/oauth/userinfo", {}),
    ("GET", "/gateway/auth/any", {}),
    ("DELETE", "/gateway/envoy/any/x", {}),
    ("GET", "/healthz", {}),
]


@pytest.fixture(params=["on", "off"])
def overrides(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"lane": request.param}


_seen: dict[tuple[str, str], dict[str, Any]] = {}


@pytest.mark.parametrize(("method", "path", "form"), REQUESTS)
def test_both_lanes_give_the_same_answer(
    http: FlaskClient, overrides: dict[str, Any], method: str, path: str, form: dict[str, str]
) -> None:
    answer = http.open(path, method=method, data=form or None)
    headers = {(name, value) for name, value in answer.headers if name not in VARYING}
    body = None if "request_id" in answer.text else answer.data
    told: dict[str, Any] = {"status": answer.status_code, "headers": headers, "body": body}
    key = (method, path)
    assert _seen.setdefault(key, told)["status"] == told["status"]
    assert {name for name, _ in _seen[key]["headers"]} == {name for name, _ in headers}


def test_head_is_get_without_its_body(http: FlaskClient) -> None:
    got, head = (http.open("/.well-known/jwks.json", method=method) for method in ("GET", "HEAD"))
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["ETag"] == got.headers["ETag"]
    assert head.headers["Content-Length"] == str(len(got.data))


@pytest.mark.parametrize("path", ["/login", "/oauth/token", "/static/css/app.css", "/healthz"])
def test_no_route_has_a_second_name_with_more_slashes(http: FlaskClient, path: str) -> None:
    """Class C25: Werkzeug alone would answer `//login` as if it were `/login`."""
    assert http.get(path).status_code in (200, 405)
    assert http.get(path, environ_overrides={"PATH_INFO": "/" + path}).status_code == 404
