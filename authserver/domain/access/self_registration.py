"""What apps that register themselves may have: listed scopes, and the APIs that are open to them (contract 12).

Judged at use: what an administrator closes or takes from the list ends for those that have it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from authserver import config
from authserver.domain.access import resources, scopes


@dataclass(frozen=True, slots=True)
class Held:
    """What one of them has now."""

    scopes: tuple[str, ...]
    default_scopes: tuple[str, ...]
    resources: tuple[str, ...]


def allowed() -> tuple[str, ...]:
    """Every scope that such an app may have now; none that only administrators hold or give."""
    listed, opened = config.current().registration_scopes, set(_open())
    return tuple(
        each.name
        for each in scopes.all().values()
        if (each.name in listed or each.resource in opened) and each.self_service and not each.admin_only
    )


def judged(held: Iterable[str], default: Iterable[str], assigned: Iterable[str]) -> Held:
    """What an app has of the scopes and APIs that it was registered with, or that an administrator gave it since.

    The APIs that are open, and their scopes, need no registration: an MCP client learns of them as it goes (step-up).
    """
    opened, known = set(_open()), scopes.all()
    may = allowed()
    registered = set(held)
    now = tuple(name for name in may if name in registered or known[name].resource in opened)
    return Held(now, tuple(name for name in default if name in now), tuple(dict.fromkeys((*assigned, *_open()))))


def _open() -> tuple[str, ...]:
    return tuple(each.identifier for each in resources.all().values() if each.open)
