"""Which pages may call protocol endpoints from a browser."""

from __future__ import annotations

import pytest

from tests.support import protocol
from tests.support.protocol import App, send
from tests.support.tables import rows

PATHS = ("/oauth/token", "/oauth/introspect", "/oauth/revoke", "/oauth/userinfo")


@pytest.fixture(autouse=True)
def _apps(web_app: App) -> None:
    protocol.change(web_app, allowed_cors_origins=["https://pages.example"])
    protocol.register(redirect_uris=["https://off.example/cb"], disabled_at=1)
    protocol.register(redirect_uris=["com.example.app:/cb", "http://127.0.0.1/cb"], public=True)


@rows("path", PATHS)
@rows("origin", ["https://app.example", "https://pages.example", "http://127.0.0.1"])
def test_origins_of_enabled_clients_may_call(path: str, origin: str) -> None:
    reply = send(path, headers={"origin": origin})
    assert reply.header("access-control-allow-origin") == origin
    assert reply.header("access-control-allow-credentials") is None
    assert "Origin" in [value for name, value in reply.headers if name == "Vary"]


@rows("path", PATHS)
@rows(
    "origin",
    [
        "https://evil.example", "null", "https://app.example.evil.example", "http://app.example", "https://app.example/",
        "https://app.example:444", "HTTPS://APP.EXAMPLE", "https://off.example", "com.example.app:", "*", "",
    ],
)  # fmt: skip
def test_all_others_may_not(path: str, origin: str) -> None:
    assert send(path, headers={"origin": origin}).header("access-control-allow-origin") is None


def test_a_preflight_is_answered_without_authentication() -> None:
    headers = {"origin": "https://app.example", "access-control-request-method": "POST"}
    reply = send("/oauth/token", headers=headers, method="OPTIONS")
    assert reply.status == 204
    assert reply.header("access-control-allow-methods") == "POST"


@rows(
    ("asked", "echoed"),
    [
        ("authorization, traceparent", "authorization, traceparent"),
        ("MCP-Protocol-Version,dpop", "MCP-Protocol-Version, dpop"),
        ("authorization, evil\r\nset-cookie: a=b, x y", "authorization"),
        (", ".join(f"x-{n}" for n in range(40)), ", ".join(f"x-{n}" for n in range(32))),
        ("", None),
    ],
)
@rows("path", ["/oauth/token", "/.well-known/openid-configuration", "/.well-known/jwks.json"])
def test_a_page_may_send_the_headers_that_it_names(path: str, asked: str, echoed: str | None) -> None:
    """No credentials are ever allowed, so that no header of a page is worth more than one of any program."""
    headers = {"origin": "https://app.example", "access-control-request-method": "POST"}
    reply = send(path, headers=headers | {"access-control-request-headers": asked}, method="OPTIONS")
    assert reply.status == 204
    assert reply.header("access-control-allow-headers") == echoed
    assert reply.header("access-control-allow-credentials") is None
    assert "Access-Control-Request-Headers" in [value for name, value in reply.headers if name == "Vary"]


def test_a_page_may_read_why_it_was_refused_and_when_to_come_again() -> None:
    reply = send("/oauth/userinfo", headers={"origin": "https://app.example"}, method="GET")
    exposed = set((reply.header("access-control-expose-headers") or "").split(", "))
    assert {"WWW-Authenticate", "Retry-After", "X-Request-Id", "X-RateLimit-Remaining", "RateLimit"} <= exposed


def test_options_without_an_origin_or_a_method_is_no_preflight() -> None:
    for headers in ({"origin": "https://app.example"}, {"access-control-request-method": "POST"}):
        assert send("/oauth/token", headers=headers, method="OPTIONS").status == 405
