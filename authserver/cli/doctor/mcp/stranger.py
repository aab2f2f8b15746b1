"""What an MCP server tells who comes without a token (RFC 6750 section 3, RFC 9728 section 5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from authserver.cli.doctor.findings import Finding
from authserver.cli.doctor.mcp import asking
from authserver.cli.doctor.mcp.trail import MCP, Ended, Trail, bad, doubtful, good
from authserver.domain.access import protected_resources
from authserver.domain.outbound import Answer

HELLO: dict[str, Any] = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "authserver-doctor", "version": "1"},
    },
}  # fmt: skip
ACCEPT = "application/json, text/event-stream"
_PARAMETER = re.compile(r'([a-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))', re.IGNORECASE)


def hello(trail: Trail, **headers: str) -> Answer:
    """The first request of every MCP client."""
    return asking.post_json(trail.url, HELLO, Accept=ACCEPT, **headers)


def answer(trail: Trail) -> Iterator[Finding]:
    """401: only then does a client look for an authorization server."""
    given = hello(trail)
    trail.status, trail.challenge = given.status, asking.header(given, "WWW-Authenticate")
    if given.status == 401:
        yield good("MCP server", "answers 401 to who has no token")
    elif 200 <= given.status < 300:
        said = f"answers {given.status} without a token: everybody may call it, and no client signs in"
        yield bad("MCP server", MCP, said, "let it refuse requests without a token with 401")
    elif 300 <= given.status < 400:
        to = asking.header(given, "Location") or "nowhere"
        said = f"redirects to {to}: some clients do not follow, or lose the token"
        yield bad("MCP server", MCP, said, "give clients the last address, and register that one")
        raise Ended
    elif given.status in (404, 405):
        yield bad("MCP server", MCP, f"there is no MCP endpoint at this address ({given.status})",
                  "check the path: many servers have it at /mcp")  # fmt: skip
        raise Ended
    else:
        yield bad("MCP server", MCP, f"answers {given.status} instead of 401 to who has no token",
                  "let it check the token first, and say 401; its log knows more")  # fmt: skip


def challenge(trail: Trail) -> Iterator[Finding]:
    """The header by which a client finds the description."""
    line = protected_resources.challenge(trail.url)
    if trail.status != 401:
        return
    if not trail.challenge:
        said = "the 401 has no WWW-Authenticate, which RFC 9110 demands: clients have to guess where the description is"
        yield bad("challenge", MCP, said, f"answer with {line}")
    elif not re.match(r"(?i)(?:.*,\s*)?bearer\b", trail.challenge):
        yield bad("challenge", MCP, "WWW-Authenticate names no Bearer", f"answer with {line}")
    elif not (where := parameters(trail.challenge).get("resource_metadata")):
        said = "WWW-Authenticate has no resource_metadata: clients of before November 2025 go no further"
        yield doubtful("challenge", MCP, said, f"answer with {line}")
    else:
        asked = parameters(trail.challenge).get("scope")
        yield good("challenge", f"points to {where}" + (f" and asks for {asked}" if asked else ""))


def parameters(challenge: str) -> dict[str, str]:
    """The parameters of a challenge by their names in lower case."""
    found = _PARAMETER.finditer(challenge)
    return {each[1].lower(): re.sub(r"\\(.)", r"\1", each[2]) if each[3] is None else each[3] for each in found}
