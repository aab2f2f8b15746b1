"""What of a webhook endpoint is sealed: the secrets that sign for it, and headers of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import select

from authserver import database, keyring
from authserver.lib import clock, sealing
from authserver.models import WebhookEndpoint


def seal(id: str, secret: str) -> bytes:
    """A secret for the row of this id."""
    return _seal(secret.encode(), _place(id, "secret"))


def seal_headers(id: str, given: Mapping[str, str]) -> bytes | None:
    """Headers for the row of this id; None for none."""
    return _seal(json.dumps(dict(given)).encode(), _place(id, "headers")) if given else None


def replace(row: WebhookEndpoint, secret: str, *, overlap: int) -> None:
    """Let an endpoint have a new secret; the one before signs too for `overlap` seconds."""
    now, current = clock.now(), _open(row.secret_sealed, _place(row.id, "secret"))
    row.old_secret_sealed = _seal(current, _place(row.id, "old_secret")) if overlap else None
    row.old_secret_ends_at = now + overlap if overlap else None
    row.secret_sealed, row.secret_made_at = seal(row.id, secret), now


def valid(row: WebhookEndpoint) -> list[str]:
    """The secrets that sign now, the oldest first."""
    found = [_open(row.secret_sealed, _place(row.id, "secret")).decode()]
    if row.old_secret_sealed is not None and (row.old_secret_ends_at or 0) > clock.now():
        found.insert(0, _open(row.old_secret_sealed, _place(row.id, "old_secret")).decode())
    return found


def headers(row: WebhookEndpoint) -> dict[str, str]:
    """The endpoint's own headers, in the clear."""
    if row.headers_sealed is None:
        return {}
    found: dict[str, str] = json.loads(_open(row.headers_sealed, _place(row.id, "headers")))
    return found


def rewrap() -> int:
    """Seal every secret again under today's sealing key; how many endpoints."""
    with database.transaction() as session:
        rows = session.scalars(select(WebhookEndpoint).where(WebhookEndpoint.deleted_at.is_(None))).all()
        for row in rows:
            for column in ("secret", "old_secret", "headers"):
                sealed = getattr(row, f"{column}_sealed")
                if sealed is not None:
                    place = _place(row.id, column)
                    setattr(row, f"{column}_sealed", _seal(_open(sealed, place), place))
    return len(rows)


def _seal(plain: bytes, place: str) -> bytes:
    return sealing.seal(keyring.sealing_key(), plain, place)


def _open(sealed: bytes, place: str) -> bytes:
    return sealing.open_sealed(keyring.sealing_keys(), sealed, place)


def _place(id: str, column: str) -> str:
    return f"webhook_endpoints/{column}_sealed/{id}"
