"""What a walk knows so far, and the words for whose fault a failure is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from authserver.cli.doctor.findings import Finding
from authserver.config import Settings

MCP, OURS, NETWORK = "MCP server", "authorization server", "network"
LOOPBACK_CALLBACK = "http://127.0.0.1/callback"


class Ended(Exception):
    """A client cannot go on from here; the step has said why."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who walks: one that is known here, with its secret if it has one; or nobody, who tries to register."""

    id: str = ""
    secret: str = ""
    redirect_uri: str = ""


@dataclass(slots=True)
class Trail:
    """What each step leaves for those after it."""

    settings: Settings
    url: str
    client: Client
    status: int = 0
    challenge: str = ""
    described: dict[str, Any] = field(default_factory=dict)
    server: dict[str, Any] = field(default_factory=dict)
    registered: dict[str, Any] = field(default_factory=dict)
    token: str = ""
    unregistered: bool = False

    @property
    def resource(self) -> str:
        """What tokens are asked for: as the MCP server calls itself."""
        return text(self.described, "resource") or self.url

    @property
    def client_id(self) -> str:
        """The client that walks; empty where nobody could become one."""
        return self.client.id or text(self.registered, "client_id")

    @property
    def page(self) -> str:
        """Where what this client may do is changed."""
        return f"{self.settings.issuer}/apps/{self.client_id}/edit"

    @property
    def for_people(self) -> bool:
        """Whether people sign in for this client: one with a secret and no redirect URI acts for itself."""
        return bool(self.client_id) and not (self.client.secret and not self.client.redirect_uri)

    @property
    def redirect_uri(self) -> str:
        """Where that client's people come back to."""
        return self.client.redirect_uri or LOOPBACK_CALLBACK


def text(document: dict[str, Any], member: str) -> str:
    """A member that is a string, else empty: what others wrote is believed to be nothing."""
    value = document.get(member)
    return value if isinstance(value, str) else ""


def texts(document: dict[str, Any], member: str) -> list[str]:
    """The strings of a member that is a list, else none."""
    value = document.get(member)
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def good(check: str, said: str) -> Finding:
    """As it should be."""
    return Finding(check, "ok", said)


def bad(check: str, fault: str, said: str, remedy: str) -> Finding:
    """What stops clients."""
    return Finding(check, "bad", said, remedy, fault)


def doubtful(check: str, fault: str, said: str, remedy: str) -> Finding:
    """What stops some clients, or will."""
    return Finding(check, "warn", said, remedy, fault)


def untried(check: str, said: str) -> Finding:
    """What could not be tried, and why."""
    return Finding(check, "skip", said)
