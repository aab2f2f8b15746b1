"""Whether clients that are pages in a browser get through: CORS of both servers (contract 4)."""

from __future__ import annotations

from collections.abc import Iterator

from authserver.cli.doctor.findings import Finding
from authserver.cli.doctor.mcp import asking, metadata
from authserver.cli.doctor.mcp.trail import MCP, OURS, Trail, bad, doubtful, good, text
from authserver.domain.access import protected_resources
from authserver.domain.outbound import Answer
from authserver.lib import redirect_uris

STRANGER = "https://mcp-client.example"
NEEDED = ("Authorization", "Content-Type", "MCP-Protocol-Version")
PROXY = "let the proxy in front hand on OPTIONS, and headers whose names begin with Access-Control-"


def server(trail: Trail) -> Iterator[Finding]:
    """The MCP server lets pages read its description, send a token, and see what a 401 says."""
    lacking = []
    if not _open(asking.get(protected_resources.metadata_url(trail.url), Origin=STRANGER), STRANGER):
        lacking.append("read its description")
    answer = asking.preflight(trail.url, STRANGER, "POST", *NEEDED)
    if not (_open(answer, STRANGER) and answer.status < 300 and _takes(answer, "authorization")):
        lacking.append("send it a token")
    if not lacking:
        yield good("MCP server in browsers", "pages may read its description and send it a token")
        return
    said = f"pages may not {' and not '.join(lacking)}: clients in a browser do not work with it"
    remedy = f"answer OPTIONS, allow the headers {', '.join(NEEDED)}, expose WWW-Authenticate and Mcp-Session-Id"
    yield doubtful("MCP server in browsers", MCP, said, remedy)


def ours(trail: Trail) -> Iterator[Finding]:
    """Ours lets pages find and register; tokens are for the origins of registered apps."""
    if lacking := _closed(trail):
        yield bad("browsers", OURS, f"pages may not read: {', '.join(lacking)}", PROXY)
        return
    origin = redirect_uris.origin(trail.redirect_uri)
    if not trail.for_people or not origin.startswith("http"):
        yield good("browsers", "pages may read metadata; tokens are for pages of registered apps alone")
    elif _open(asking.preflight(text(trail.server, "token_endpoint"), origin, "POST", *NEEDED), origin):
        yield good("browsers", f"pages may read metadata, and those at {origin} get tokens")
    else:
        said = f"pages at {origin} may not read tokens: no app of theirs is registered"
        yield doubtful("browsers", OURS, said, f"browser origins of the app: {trail.page}; or {PROXY}")


def _closed(trail: Trail) -> list[str]:
    """What strangers' pages may not read, and should."""
    where, endpoint = metadata.places(trail.settings.issuer)[0], text(trail.server, "registration_endpoint")
    lacking = [] if _open(asking.get(where, Origin=STRANGER), STRANGER) else ["metadata"]
    if endpoint and not _open(asking.preflight(endpoint, STRANGER, "POST", "Content-Type"), STRANGER):
        lacking.append("registration")
    return lacking


def _open(answer: Answer, origin: str) -> bool:
    return asking.header(answer, "Access-Control-Allow-Origin") in ("*", origin)


def _takes(answer: Answer, name: str) -> bool:
    """Whether a header may be sent; for Authorization a star does not do (Fetch, section 4.8)."""
    return name in asking.header(answer, "Access-Control-Allow-Headers").lower().replace(" ", "").split(",")
