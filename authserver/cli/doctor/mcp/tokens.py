"""The token endpoint as clients meet it, and with a secret a token and its use (RFC 6749, RFC 8707)."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_plus

from authserver.cli.doctor.findings import Finding
from authserver.cli.doctor.mcp import asking, described, stranger
from authserver.cli.doctor.mcp.trail import MCP, OURS, Trail, bad, good, text
from authserver.domain.outbound import Answer
from authserver.lib import secrets

PROXY = "let the proxy in front hand POST on to /oauth/ as it is"


def endpoint(trail: Trail) -> Iterator[Finding]:
    """A code that never was is refused in JSON that nobody stores: so the way for the real one is open."""
    fields = {
        "grant_type": "authorization_code", "code": secrets.random_token(), "client_id": trail.client_id or "nobody",
        "redirect_uri": trail.redirect_uri, "code_verifier": secrets.random_token(), "resource": trail.resource,
    }  # fmt: skip
    answer = asking.post_form(text(trail.server, "token_endpoint"), fields)
    error = text(asking.document(answer) or {}, "error")
    if error in ("invalid_grant", "invalid_client") and "no-store" in asking.header(answer, "Cache-Control"):
        yield good("token endpoint", f"takes POST, and refuses a wrong code as it should ({error})")
    else:
        said = f"answers a wrong code with {answer.status} {error or 'and no OAuth error'}"
        yield bad("token endpoint", OURS, said, PROXY)


def obtain(trail: Trail) -> Iterator[Finding]:
    """Client credentials, where a secret was given."""
    if not trail.client.secret:
        return
    scopes = " ".join(described.wanted(trail))
    fields = {"grant_type": "client_credentials", "resource": trail.resource, **({"scope": scopes} if scopes else {})}
    basic = _basic(trail)
    answer = asking.post_form(text(trail.server, "token_endpoint"), fields, Authorization=basic)
    told = asking.document(answer) or {}
    trail.token = text(told, "access_token")
    if answer.status == 200 and trail.token:
        yield good(
            "token", f"client credentials give one for {trail.resource}, with {text(told, 'scope') or 'no scope'}"
        )
        return
    yield bad(
        "token", OURS, f"client credentials give none: {_told(told, answer)}", _remedy(trail, text(told, "error"))
    )


def _basic(trail: Trail) -> str:
    """Both halves percent-encoded first (RFC 6749 section 2.3.1)."""
    pair = f"{quote_plus(trail.client.id)}:{quote_plus(trail.client.secret)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _told(told: dict[str, Any], answer: Answer) -> str:
    return " ".join(filter(None, (text(told, "error") or str(answer.status), text(told, "error_description"))))


def _remedy(trail: Trail, error: str) -> str:
    grants = {
        "invalid_client": f"check the secret, or make another: authserver client rotate-secret {trail.client.id}",
        "invalid_target": f"assign {trail.resource} to the app: {trail.page}",
        "invalid_scope": f"assign the scopes to the app: {trail.page}",
        "unauthorized_client": f"let it act for itself (client_credentials): {trail.page}",
    }
    return grants.get(error, f"authserver client show {trail.client.id}")


def call(trail: Trail) -> Iterator[Finding]:
    """The MCP server takes a token that was made for it."""
    if not trail.token:
        return
    answer = stranger.hello(trail, Authorization=f"Bearer {trail.token}")
    why = stranger.parameters(asking.header(answer, "WWW-Authenticate"))
    told = " ".join(filter(None, (why.get("error"), why.get("error_description")))) or "without a reason"
    if 200 <= answer.status < 300:
        yield good("call", "the MCP server takes the token")
    elif answer.status == 403:
        said = f"the MCP server wants more than the token has: {told}, scope {why.get('scope') or 'not named'}"
        yield bad("call", MCP, said, f"name that scope in the description, and assign it to the app: {trail.page}")
    else:
        said = f"the MCP server answers {answer.status} to a token that was made for it: {told}"
        remedy = f"let it check: issuer {trail.settings.issuer}, audience {trail.resource}, keys of {_keys(trail)}"
        yield bad("call", MCP, said, remedy)


def _keys(trail: Trail) -> str:
    return text(trail.server, "jwks_uri") or "the metadata's jwks_uri"
