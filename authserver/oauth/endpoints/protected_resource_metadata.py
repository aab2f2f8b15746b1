"""GET /.well-known/oauth-protected-resource[/…] (RFC 9728)."""

from __future__ import annotations

import json
from typing import Any

from authserver import config
from authserver.domain.access import protected_resources, resources, scopes
from authserver.domain.demo import seeding
from authserver.domain.ground import cache
from authserver.edge import documents, machine
from authserver.edge.exchange import Incoming, Outgoing
from authserver.lib.documents import Document

MAX_AGE = 300
# What operations under /v1 ask for; a test holds this equal to the routes.
API_SCOPES = ("keys:manage", "settings:manage", "admin")


def respond(incoming: Incoming) -> Outgoing:
    """What the resource of this path needs; 404 for one that is unknown, or that another host describes."""
    tail = incoming.path.removeprefix(protected_resources.WELL_KNOWN)
    described = _described()
    # A query may be part of an identifier (section 3); any other says nothing.
    found = described.get(f"{tail}?{incoming.query}") or described.get(tail)
    if found is None:
        return machine.error(
            404, "not_found", "No such resource is described here. Send the path of a resource that is registered."
        )
    return documents.answer(incoming, found, "application/json", caching=documents.public(MAX_AGE))


def describe(identifier: str) -> dict[str, Any]:
    """What is true of one resource; never a null, and no list that is empty.

    No `jwks_uri`: it would be keys with which the resource signs its answers, and none does.
    """
    issuer = config.current().issuer
    said = {
        "resource": identifier,
        "authorization_servers": [issuer],
        "scopes_supported": _scopes(identifier),
        "bearer_methods_supported": ["header"],
        "resource_name": _name(identifier),
        "resource_documentation": f"{issuer}/docs" if identifier in _documented() else "",
    }
    return {name: value for name, value in said.items() if value}


def _scopes(identifier: str) -> list[str]:
    """The scopes that open something there: those it owns, for our own those that nobody else owns."""
    ours, api = resources.own()
    asked_for = {api: API_SCOPES}.get(identifier, ())
    owners = {ours: (None, ours, api)}.get(identifier, (identifier,))
    fitting = (each for each in scopes.all().values() if each.resource in owners or each.name in asked_for)
    return [each.name for each in fitting if each.name != scopes.OFFLINE]


def _name(identifier: str) -> str:
    registered = resources.all().get(identifier)
    return registered.name if registered else resources.own_names()[identifier]


def _documented() -> tuple[str, ...]:
    """Those whose operations stand in /docs."""
    settings = config.current()
    return (*resources.own(), *([settings.issuer + seeding.API_PATH] if settings.demo else []))


_kept: tuple[object, dict[str, Document]] = (None, {})


def _described() -> dict[str, Document]:
    """All of them by what follows the well-known path, made when settings, scopes or resources change."""
    global _kept
    made_of = (config.current(), cache.current_version("scopes"))
    kept = _kept
    if kept[0] != made_of:
        kept = _kept = (made_of, {tail: _written(each) for tail, each in protected_resources.tails().items()})
    return kept[1]


def _written(identifier: str) -> Document:
    return Document.of(json.dumps(describe(identifier), indent=1).encode())
