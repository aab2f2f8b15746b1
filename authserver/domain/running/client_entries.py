"""Clients as a declaration names them: what `declaration` reads again, and finds nothing to change."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

from authserver.domain.clients import clients, directory
from authserver.domain.clients import metadata as client_metadata
from authserver.domain.ground import lists
from authserver.errors import Conflict, NotFound
from authserver.models import Client


def every() -> Iterator[dict[str, Any]]:
    """All clients that somebody registered, newest first; not those that registered themselves."""
    for line in lists.every(functools.partial(directory.owned_by, None), None):
        if not _by_itself(line.client):
            yield _entry(line.client, line.owner_email)


def named(client_ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    """These. Raises NotFound, and Conflict for one that registered itself."""
    found = [clients.stored(client_id) for client_id in client_ids]
    for client_id, client in zip(client_ids, found, strict=True):
        if client is None or client.deleted_at is not None:
            raise NotFound(f"There is no app {client_id}.")
        if _by_itself(client):
            raise Conflict(f"{client_id} registered itself: elsewhere it registers itself again.")
    for client in filter(None, found):
        owner = directory.owner(client.owner_id)
        yield _entry(client, owner.email if owner else None)


def _by_itself(client: Client) -> bool:
    return client.self_registered


def _entry(client: Client, owner: str | None) -> dict[str, Any]:
    said: dict[str, Any] = {"client_id": client.id, "kind": client.kind}
    return said | ({"owner": owner} if owner else {}) | client_metadata.to_document(client)
