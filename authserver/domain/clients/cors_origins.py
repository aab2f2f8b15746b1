"""Origins whose pages may call protocol endpoints: those of enabled clients (contract.md section 4)."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from authserver import database
from authserver.domain.clients import clients
from authserver.domain.ground import cache
from authserver.lib import redirect_uris
from authserver.models import Client, User


def allowed() -> frozenset[str]:
    """All of them; no statement when warm."""
    return _cache.get("")


def of(client_id: str) -> frozenset[str]:
    """Those of one enabled client; no statement when warm."""
    facts = clients.find(client_id)
    return _origins(facts.redirect_uris, facts.allowed_cors_origins) if facts and facts.enabled else frozenset()


def _load(_key: str) -> frozenset[str]:
    enabled = Client.disabled_at.is_(None), Client.deleted_at.is_(None), User.disabled_at.is_(None)
    with database.autocommit() as connection:
        rows = connection.execute(
            select(Client.redirect_uris, Client.allowed_cors_origins)
            .outerjoin(User, User.id == Client.owner_id)
            .where(*enabled)
        ).all()
    return frozenset().union(*(_origins(row.redirect_uris, row.allowed_cors_origins) for row in rows))


def _origins(uris: Iterable[str], more: Iterable[str]) -> frozenset[str]:
    found = {redirect_uris.origin(uri) for uri in uris if not redirect_uris.is_custom_scheme(uri)}
    return frozenset({*found, *more} - {"", "null"})


_cache = cache.Cache[frozenset[str]]("clients", _load)
