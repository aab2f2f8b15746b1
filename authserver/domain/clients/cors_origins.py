"""Origins whose pages may call protocol endpoints: those of enabled clients (contract.md section 4)."""

from __future__ import annotations

from sqlalchemy import select

from authserver import database
from authserver.domain.ground import cache
from authserver.lib import redirect_uris
from authserver.models import Client, User


def allowed() -> frozenset[str]:
    """All of them; no statement when warm."""
    return _cache.get("")


def _load(_key: str) -> frozenset[str]:
    enabled = Client.disabled_at.is_(None), Client.deleted_at.is_(None), User.disabled_at.is_(None)
    with database.autocommit() as connection:
        rows = connection.execute(
            select(Client.redirect_uris, Client.allowed_cors_origins)
            .outerjoin(User, User.id == Client.owner_id)
            .where(*enabled)
        ).all()
    found = {origin for row in rows for origin in row.allowed_cors_origins}
    found |= {
        redirect_uris.origin(uri)
        for row in rows
        for uri in row.redirect_uris
        if not redirect_uris.is_custom_scheme(uri)
    }
    return frozenset(found - {"", "null"})


_cache = cache.Cache[frozenset[str]]("clients", _load)
