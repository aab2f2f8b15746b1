"""Whether the MCP server is an API that this installation knows: its rows say what no request tells a stranger."""

from __future__ import annotations

from collections.abc import Iterator

from authserver.cli import opening
from authserver.cli.doctor.findings import Finding
from authserver.cli.doctor.mcp import described
from authserver.cli.doctor.mcp.trail import OURS, Trail, bad, doubtful, good, untried
from authserver.domain.access import resources, scopes
from authserver.domain.running import schema


def registered(trail: Trail) -> Iterator[Finding]:
    """Registered under the very name that clients send, and open to those who register themselves."""
    with opening.opened(trail.settings, any_schema=True):
        if not schema.status().fits:
            yield untried("API", "the database of this installation is not at hand or not migrated")
            return
        found = resources.find(trail.resource)
        trail.unregistered = found is None and trail.resource not in resources.own()
        yield _judged(trail, found)


def _judged(trail: Trail, found: resources.ResourceFacts | None) -> Finding:
    name = trail.resource
    if name in resources.own():
        return good("API", f"{name} is this server's own")
    if found is None:
        named = " ".join(described.wanted(trail))
        asked = f' --scope "{named}"' if named else ""
        said = f"no API is registered as {name}: tokens for it are refused (invalid_target)"
        return bad("API", OURS, said, f'authserver resource create {name} --name "My MCP server"{asked} --open')
    if foreign := _foreign(trail):
        return bad("API", OURS, f"{foreign}: tokens for {name} lack it", "let the MCP server name scopes of its own")
    if not found.open and not trail.client.id:
        said = f"{name} is registered, but apps that register themselves may not ask for tokens for it"
        return doubtful("API", OURS, said, f"authserver resource update {name} --open")
    return good(
        "API", f"registered as {found.name}" + (", open to apps that register themselves" if found.open else "")
    )


def _foreign(trail: Trail) -> str:
    """Scopes that clients are told to ask for, and that are another API's."""
    known = scopes.all()
    found = {each: known[each].resource for each in described.wanted(trail) if each in known}
    return ", ".join(
        f"{each} belongs to another API, {owner}"
        for each, owner in found.items()
        if owner not in (None, trail.resource)
    )
