"""Whether an API key works now and what it may do then, and the keys of which that is so."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, or_

from authserver.domain.access import permissions, roles
from authserver.lib import clock
from authserver.models import ApiKey


def is_live(row: ApiKey) -> bool:
    """Whether a key works now."""
    return row.revoked_at is None and (row.expires_at is None or row.expires_at > clock.now())


def status(row: ApiKey) -> str:
    """`active`, `revoked`, `expired`, or `rotated` while the old one of a rotation still works."""
    if row.revoked_at is not None:
        return "revoked"
    if row.expires_at is not None and row.expires_at <= clock.now():
        return "expired"
    return "rotated" if row.rotated_to else "active"


def scopes_of(row: Any, role: str) -> tuple[str, ...]:
    """What a key may do while its owner has this role; `row` has the columns of one.

    One that an app made gets nothing that it had not when it was made, and never what administrators alone hold: nobody
    allowed the app that, and who becomes an administrator, or gives its level more, hands it to nobody.
    """
    if row.knows is None:
        return permissions.effective(row.permission, role)
    held = permissions.effective(row.permission, roles.USER)
    return held if row.within is None else tuple(each for each in held if each in row.within)


def condition(status: str) -> list[ColumnElement[bool]]:
    """Rows of `active`, `expired`, `revoked` or `unused` keys; of all for anything else."""
    now = clock.now()
    lasting = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now)
    known: dict[str, list[ColumnElement[bool]]] = {
        "active": [ApiKey.revoked_at.is_(None), lasting],
        "expired": [ApiKey.revoked_at.is_(None), ~lasting],
        "revoked": [ApiKey.revoked_at.is_not(None)],
        "unused": [ApiKey.last_used_at.is_(None)],
    }
    return known.get(status, [])
