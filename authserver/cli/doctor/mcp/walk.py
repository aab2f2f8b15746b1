"""An MCP client's walk from a server's address to a token, and what each step of it found (MCP authorization)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from authserver import config
from authserver.cli.doctor.findings import Finding
from authserver.cli.doctor.mcp import (
    api,
    asking,
    authorization,
    browsers,
    described,
    metadata,
    registration,
    stranger,
    tokens,
)
from authserver.cli.doctor.mcp.trail import Client, Ended, Trail, untried
from authserver.config import Settings

__all__ = ["Client", "walk"]

Step = Callable[[Trail], Iterator[Finding]]

STEPS: tuple[tuple[str, Step], ...] = (
    ("MCP server", stranger.answer),
    ("challenge", stranger.challenge),
    ("resource metadata", described.find),
    ("resource", described.resource),
    ("authorization server", described.issuer),
    ("server metadata", metadata.find),
    ("issuer", metadata.issuer),
    ("endpoints", metadata.endpoints),
    ("PKCE", metadata.pkce),
    ("client authentication", metadata.methods),
    ("API", api.registered),
    ("scopes", described.scopes),
    ("registration", registration.register),
    ("authorization", authorization.ask),
    ("token endpoint", tokens.endpoint),
    ("MCP server in browsers", browsers.server),
    ("browsers", browsers.ours),
    ("token", tokens.obtain),
    ("call", tokens.call),
)


def walk(settings: Settings, url: str, client: Client) -> Iterator[Finding]:
    """Every step's findings, as long as a client could go on; what it registered is removed in any case."""
    trail = Trail(settings, url, client)
    with config.using(asking.opened(settings, url)):
        try:
            yield from _steps(trail)
        finally:
            yield from _reached("removal", registration.remove, trail)


def _steps(trail: Trail) -> Iterator[Finding]:
    for number, (name, step) in enumerate(STEPS, 1):
        try:
            yield from _reached(name, step, trail)
        except Ended:
            left = [later for later, _ in STEPS[number:]]
            yield untried("the rest", f"not tried: {', '.join(left)}")
            return


def _reached(name: str, step: Step, trail: Trail) -> Iterator[Finding]:
    """A step's findings; a request that came to nothing is one, and ends the way of those that need its answer."""
    try:
        yield from step(trail)
    except asking.Unreached as error:
        yield asking.finding(name, error)
        if not trail.server:
            raise Ended from None
