"""What editors and assistants send when they register themselves, and where they lead their person then (RFC 7591)."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from authserver.domain.access import resources
from authserver.domain.clients import clients
from tests.support.authorizing import authorize
from tests.support.registering import register

NOTES = "https://notes.example.test/mcp"
BOTH = ["authorization_code", "refresh_token"]


def sent(name: str, *redirect_uris: str, **members: Any) -> dict[str, Any]:
    """A body as the MCP SDKs make it, with what is this software's own."""
    common = {"grant_types": BOTH, "response_types": ["code"], "token_endpoint_auth_method": "none"}
    return {"client_name": name, "redirect_uris": list(redirect_uris), **common, **members}


# By software: what it sends, the redirect URI that it comes back to, and what it is then.
ASSISTANTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "Claude": (
        sent("Claude", "https://claude.ai/api/mcp/auth_callback", scope="notes:read"),
        "https://claude.ai/api/mcp/auth_callback", "web",
    ),
    "Claude with a secret": (
        sent("Claude", "https://claude.ai/api/mcp/auth_callback", token_endpoint_auth_method="client_secret_post"),
        "https://claude.ai/api/mcp/auth_callback", "web",
    ),
    "Claude Code": (
        sent("Claude Code (notes)", "http://localhost:3118/callback", application_type="native"),
        "http://localhost:3118/callback", "native",
    ),
    "ChatGPT": (
        sent("ChatGPT", "https://chatgpt.com/connector_platform_oauth_redirect"),
        "https://chatgpt.com/connector_platform_oauth_redirect", "web",
    ),
    "Codex": (
        sent("Codex", "http://127.0.0.1:37819/callback/a1b2", application_type="native"),
        "http://127.0.0.1:40123/callback/a1b2", "native",
    ),
    "Cursor by its scheme": (
        sent("Cursor", "cursor://anysphere.cursor-mcp/oauth/callback"),
        "cursor://anysphere.cursor-mcp/oauth/callback", "native",
    ),
    "Cursor on the machine and in the web": (
        sent("Cursor", "http://localhost:8787/callback", "https://www.cursor.com/agents/mcp/oauth/callback"),
        "http://localhost:8787/callback", "native",
    ),
    "Cursor by all three": (
        sent("Cursor", "cursor://anysphere.cursor-mcp/oauth/callback", "http://localhost:8787/callback",
             "https://www.cursor.com/agents/mcp/oauth/callback"),
        "https://www.cursor.com/agents/mcp/oauth/callback", "native",
    ),
    "Gemini CLI": (
        sent("Gemini CLI MCP Client", "http://localhost:7777/oauth/callback", scope=""),
        "http://localhost:41234/oauth/callback", "native",
    ),
    "mcp-remote": (
        sent("MCP CLI Proxy", "http://localhost:16862/oauth/callback", application_type="native",
             software_id="2e6dc280-f3c3-4e01-99a7-8181dbd1d23d", software_version="0.15.1"),
        "http://localhost:16862/oauth/callback", "native",
    ),
    "OpenCode, that says no type": (
        sent("OpenCode", "http://127.0.0.1:19876/mcp/oauth/callback", client_uri="https://opencode.ai"),
        "http://127.0.0.1:19876/mcp/oauth/callback", "native",
    ),
    "VS Code": (
        sent("Visual Studio Code", "https://insiders.vscode.dev/redirect", "https://vscode.dev/redirect",
             "http://127.0.0.1/", "http://127.0.0.1:33418/", client_uri="https://code.visualstudio.com",
             grant_types=[*BOTH, "urn:ietf:params:oauth:grant-type:device_code"], application_type="native"),
        "http://127.0.0.1:52111/", "native",
    ),
    "VS Code of before": (
        sent("Visual Studio Code", "https://vscode.dev/redirect", "http://localhost/", "http://localhost:33418/"),
        "http://localhost:33418/", "native",
    ),
}  # fmt: skip
ROWS = pytest.mark.parametrize("row", ASSISTANTS.values(), ids=list(ASSISTANTS))


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"registration": "open"}


@pytest.fixture(autouse=True)
def _notes() -> None:
    resources.create(NOTES, "Notes", scopes=("notes:read",), open=True)


@ROWS
def test_an_assistant_registers_itself(row: tuple[dict[str, Any], str, str]) -> None:
    document, _, kind = row
    reply = register(document)
    assert reply.status == 201, reply.json
    assert reply.json["redirect_uris"] == document["redirect_uris"]
    assert reply.json["application_type"] == kind
    assert ("client_secret" in reply.json) == (document["token_endpoint_auth_method"] != "none")
    assert clients.get(reply.json["client_id"]).self_registered


@ROWS
def test_an_assistant_leads_its_person_to_the_sign_in(app: Flask, row: tuple[dict[str, Any], str, str]) -> None:
    document, redirect_uri, _ = row
    known = register(document).json["client_id"]
    answer = authorize(
        app.test_client(), client_id=known, redirect_uri=redirect_uri, resource=NOTES, scope="notes:read offline_access"
    )
    assert answer.status_code == 303 and answer.location.startswith("/login?request="), (answer.location, answer.text)
