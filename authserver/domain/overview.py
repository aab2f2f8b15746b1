"""What the first page says: figures of the last day and two weeks, for one person or for the whole server."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select

from authserver import database
from authserver.domain import audit_search, usage
from authserver.lib import clock
from authserver.models import ApiKey, Client, User

CHART_DAYS = 14


@dataclass(frozen=True, slots=True)
class Overview:
    """Counts of the last 24 hours, `tokens_before` of the 24 hours before; `per_day` is (start of the day, tokens)."""

    apps: int
    keys: int
    tokens: int
    tokens_before: int
    checks: int
    failed_sign_ins: int
    refusals: int
    per_day: list[tuple[int, int]]
    has_samples: bool


def of(user: User) -> Overview:
    """The figures a person may see: of their own apps, or, for an administrator, of everything."""
    owner_id = None if user.is_admin else user.id
    subjects = None if owner_id is None else _subjects(owner_id)
    # Whole hours, this one included.
    day = clock.now() - usage.DAY + usage.HOUR
    apps, keys = _owned(owner_id)
    return Overview(
        apps=apps,
        keys=keys,
        tokens=usage.total(usage.TOKENS, since=day, subjects=subjects),
        tokens_before=usage.total(usage.TOKENS, since=day - usage.DAY, until=day, subjects=subjects),
        checks=usage.total(usage.INTROSPECTIONS, since=day, subjects=subjects),
        failed_sign_ins=audit_search.count("user.login_failed", since=clock.now() - usage.DAY, visible_to=owner_id),
        refusals=usage.total(usage.REFUSALS, since=day, subjects=subjects),
        per_day=usage.per_day(usage.TOKENS, days=CHART_DAYS, subjects=subjects),
        has_samples=usage.has_samples(),
    )


def _subjects(owner_id: str) -> list[str]:
    with database.reading() as session:
        return [f"client:{id}" for id in session.scalars(select(Client.id).where(Client.owner_id == owner_id))]


def _owned(owner_id: str | None) -> tuple[int, int]:
    """How many apps there are, and how many keys that work."""
    apps: list[ColumnElement[bool]] = [Client.deleted_at.is_(None)]
    lasting = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > clock.now())
    keys: list[ColumnElement[bool]] = [ApiKey.revoked_at.is_(None), lasting]
    if owner_id is not None:
        apps.append(Client.owner_id == owner_id)
        keys.append(ApiKey.owner_id == owner_id)
    with database.reading() as session:
        return (
            session.scalar(select(func.count()).select_from(Client).where(*apps)) or 0,
            session.scalar(select(func.count()).select_from(ApiKey).where(*keys)) or 0,
        )
