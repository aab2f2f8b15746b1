"""How a client becomes known here: by its document, by registering itself, or by somebody (RFC 7591, RFC 7592)."""

from __future__ import annotations

from collections.abc import Iterator

from authserver.cli.doctor.findings import Finding
from authserver.cli.doctor.mcp import asking
from authserver.cli.doctor.mcp.trail import LOOPBACK_CALLBACK, OURS, Trail, bad, doubtful, good, text
from authserver.domain.outbound import Answer

CHECK = "registration"
NAME = "authserver doctor"
BY_HAND = "or register each: authserver client create --public --resource …, and walk with --client-id"
DOCUMENT = {
    "client_name": NAME, "redirect_uris": [LOOPBACK_CALLBACK], "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"], "token_endpoint_auth_method": "none", "application_type": "native",
}  # fmt: skip


def register(trail: Trail) -> Iterator[Finding]:
    """Who walks: the client that was given, or one that registers itself for this."""
    ways = _ways(trail)
    if trail.client.id:
        yield good(CHECK, f"not needed: walks as {trail.client.id}{_also(ways)}")
    elif "registration" in ways:
        yield from _tried(trail, text(trail.server, "registration_endpoint"), ways)
    elif ways:
        yield good(CHECK, "a client may be the URL of a document that describes it; it cannot register itself")
    else:
        said = "neither metadata documents nor registration are on: no client that nobody registered gets in"
        yield doubtful(CHECK, OURS, said, f"export AUTHSERVER_CIMD=on, or AUTHSERVER_REGISTRATION=open; {BY_HAND}")


def _ways(trail: Trail) -> list[str]:
    documents = trail.server.get("client_id_metadata_document_supported") is True
    itself = bool(text(trail.server, "registration_endpoint"))
    return [name for name, there in (("documents", documents), ("registration", itself)) if there]


def _also(ways: list[str]) -> str:
    return f"; others come by {' and '.join(ways)}" if ways else ""


def _tried(trail: Trail, endpoint: str, ways: list[str]) -> Iterator[Finding]:
    answer = asking.post_json(endpoint, DOCUMENT, Accept="application/json")
    made = asking.document(answer) or {}
    if answer.status in (200, 201) and text(made, "client_id"):
        trail.registered = made
        also = "; the URL of a document is taken, too" if "documents" in ways else ""
        yield good(CHECK, f"{NAME} registered itself, and will be removed{also}")
    elif answer.status == 401 and "documents" in ways:
        yield good(CHECK, "a client may be the URL of a document; to register itself it needs an initial access token")
    elif answer.status == 401:
        yield doubtful(CHECK, OURS, "an initial access token is needed, which MCP clients do not have",
                       f"export AUTHSERVER_CIMD=on, or AUTHSERVER_REGISTRATION=open; {BY_HAND}")  # fmt: skip
    else:
        yield bad(CHECK, OURS, f"{endpoint} answers {_said(answer)}", "the refusal's error_uri tells its reason")


def _said(answer: Answer) -> str:
    told = asking.document(answer) or {}
    return " ".join(filter(None, (str(answer.status), text(told, "error"), text(told, "error_description"))))


def remove(trail: Trail) -> Iterator[Finding]:
    """What the walk registered is taken away again (RFC 7592 section 2.3)."""
    if not trail.registered:
        return
    uri, token = (text(trail.registered, f"registration_{each}") for each in ("client_uri", "access_token"))
    answer = asking.send(uri, "DELETE", {"Authorization": f"Bearer {token}"})
    if answer.status != 204:
        name = text(trail.registered, "client_id")
        said = f"{name} could not be removed ({_said(answer)})"
        yield doubtful("removal", OURS, said, f"authserver client delete {name}")
