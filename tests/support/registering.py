"""Apps that register themselves, as clients of the wild do it."""

from __future__ import annotations

import json
from typing import Any

from authserver.domain.clients import registration_tokens
from tests.support import protocol
from tests.support.protocol import Reply

PATH = "/oauth/register"
LOOPBACK = "http://127.0.0.1/callback"
# What the MCP Python SDK sends, and in the same words most that learned from it.
MCP: dict[str, Any] = {
    "client_name": "Notes agent",
    "redirect_uris": ["http://localhost:3030/callback"],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "application_type": "native",
    "scope": "openid offline_access",
}


def register(document: Any = None, token: str = "", **members: Any) -> Reply:
    """POST a document, by default the MCP SDK's, with these members changed; None leaves one out."""
    said = {**MCP, **members} if document is None else document
    body = said if isinstance(said, bytes) else json.dumps(_without_none(said)).encode()
    return _send("POST", PATH, body, token)


def manage(method: str, registered: dict[str, Any], document: Any = None, token: str | None = None) -> Reply:
    """Ask the registration's own address, with its token unless another is given."""
    body = b"" if document is None else json.dumps(document).encode()
    presented = registered["registration_access_token"] if token is None else token
    return _send(method, f"{PATH}/{registered['client_id']}", body, presented)


def token(**wish: Any) -> str:
    """An initial access token."""
    return registration_tokens.create(**wish)[1]


def _send(method: str, path: str, body: bytes, token: str) -> Reply:
    headers = {"content-type": "application/json"} | (protocol.bearer(token) if token else {})
    return protocol.send(path, body, headers, method=method)


def _without_none(said: Any) -> Any:
    return {name: value for name, value in said.items() if value is not None} if isinstance(said, dict) else said
