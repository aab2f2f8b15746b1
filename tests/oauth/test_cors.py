"""Which pages may call protocol endpoints from a browser."""

from __future__ import annotations

import pytest

from tests.support import protocol
from tests.support.protocol import App, send

PATHS = ("/oauth/token", "/oauth/introspect", "/oauth/revoke", "/oauth/userinfo")


@pytest.fixture(autouse=True)
def _apps(web_app: App) -> None:
    protocol.change(web_app, allowed_cors_origins=["https://pages.example"])
    protocol.register(redirect_uris=["https://off.example/cb"], disabled_at=1)
    protocol.register(redirect_uris=["com.example.app:/cb", "http://127.0.0.1/cb"], public=True)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("origin", ["https://app.example", "https://pages.example", "http://127.0.0.1"])
def test_origins_of_enabled_clients_may_call(path: str, origin: str) -> None:
    reply = send(path, headers={"origin": origin})
    assert reply.header("access-control-allow-origin") == origin
    assert reply.header("access-control-allow-credentials") is None
    assert "Origin" in [value for name, value in reply.headers if name == "Vary"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
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
