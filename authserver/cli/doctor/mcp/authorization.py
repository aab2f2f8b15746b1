"""The request that a client sends its person with, as far as nobody has to be there (RFC 6749 4.1, 7636, 8707)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

from authserver.cli.doctor.findings import Finding
from authserver.cli.doctor.mcp import asking, described
from authserver.cli.doctor.mcp.trail import OURS, Trail, bad, good, text, untried
from authserver.domain.outbound import Answer
from authserver.lib import form_body, pkce, secrets

CHECK = "authorization"
_IN_PAGE = re.compile(r'href="[^"?]*[?]([^"]*\berror=[^"]*)"')


def ask(trail: Trail) -> Iterator[Finding]:
    """Code, S256, resource and scopes of the MCP server: what is good leads to the sign-in."""
    if not trail.client_id:
        yield untried(CHECK, "no client is there to ask with: give one with --client-id")
        return
    if not trail.for_people:
        yield untried(CHECK, "the client acts for itself; with --redirect-uri people are asked")
        return
    answer = asking.send(_address(trail), "GET", {"Accept": "text/html"})
    to = asking.header(answer, "Location")
    if not (told := _error(answer, to)) and 300 <= answer.status < 400:
        yield good(CHECK, "the request is good: from here a person signs in and allows, and the walk does not")
        return
    error, description = told or (f"status {answer.status}", "")
    said = f"the request is refused: {error} {description}".rstrip()
    yield bad(CHECK, OURS, said, _remedy(trail, error))


def _remedy(trail: Trail, error: str) -> str:
    if error == "invalid_target":
        return f"authserver resource update {trail.resource} --open, or assign it to the app: {trail.page}"
    if error == "invalid_scope":
        return f"assign the scopes to the app, or let clients be told of others: {trail.page}"
    return f"compare redirect URI and client with what is registered: authserver client show {trail.client_id}"


def _address(trail: Trail) -> str:
    scopes = described.wanted(trail)
    asked = {
        "response_type": "code", "client_id": trail.client_id, "redirect_uri": trail.redirect_uri,
        "state": secrets.random_token(), "code_challenge": pkce.challenge(secrets.random_token()),
        "code_challenge_method": "S256", "resource": trail.resource,
    }  # fmt: skip
    if scopes:
        asked["scope"] = " ".join(scopes)
    return f"{text(trail.server, 'authorization_endpoint')}?{urlencode(asked)}"


def _error(answer: Answer, to: str) -> tuple[str, str] | None:
    """The error that is sent to the app, or that a page tells of instead (contract 11.49)."""
    page = _IN_PAGE.search(answer.body.decode("utf-8", "replace"))
    try:
        said = form_body.parse_query(page[1].replace("&amp;", "&") if page else urlsplit(to).query)
    except form_body.FormError:
        return None
    return (said["error"], said.get("error_description", "")) if "error" in said else None
