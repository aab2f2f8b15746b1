"""By which `sub` an app was told of a person: what events and logout tokens may call them towards it.

By what it got, not by what it says of itself now: an app that names another's host as its redirect URI gets people's
codes there, never itself, and is in that app's sector all the same (OpenID Connect Core 8.1).
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session

from authserver.models import AuthorizationCode, DeviceAuthorization, Grant


def latest(session: Session, client_id: str, user_id: str, *which: ColumnElement[bool]) -> str | None:
    """The `sub` of the newest of a person's sign-ins (those of `which`) whose tokens the app got; None where none."""
    called = select(func.coalesce(Grant.subject, Grant.user_id))
    theirs = (Grant.client_id == client_id, Grant.user_id == user_id, _redeemed(), *which)
    return session.scalar(called.where(*theirs).order_by(Grant.created_at.desc(), Grant.id.desc()).limit(1))


def _redeemed() -> ColumnElement[bool]:
    # Codes are forgotten some time after their use; by then the use of their tokens is on record.
    by = (AuthorizationCode, DeviceAuthorization)
    used = (exists().where(each.grant_id == Grant.id, each.used_us.is_not(None)) for each in by)
    return or_(Grant.last_used_at.is_not(None), *used)
