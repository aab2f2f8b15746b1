"""Before an API key expires its owner is told: a mail and the event `api_key.expiring`, 30, 14, 3 and 1 days ahead."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from authserver import config, database
from authserver.domain import audit, mails
from authserver.lib import clock
from authserver.models import ApiKey, User

DAYS = (30, 14, 3, 1)
DAY = 86_400
AT_ONCE = 100


def send() -> int:
    """Tell what has to be told now, each thing once, however many processes ask; returns how many keys it was."""
    told = 0
    while batch := _due():
        told += sum(_tell(key_id) for key_id in batch)
    return told


def _due() -> list[str]:
    now = clock.now()
    with database.reading() as session:
        rows = session.execute(
            select(ApiKey.id, ApiKey.created_at, ApiKey.expires_at, ApiKey.reminded_days)
            .join(User, User.id == ApiKey.owner_id)
            .where(
                ApiKey.expires_at > now,
                ApiKey.expires_at <= now + DAYS[0] * DAY,
                ApiKey.revoked_at.is_(None),
                ApiKey.rotated_to.is_(None),  # its owner knows: there is a successor
                User.disabled_at.is_(None),
            )
            .order_by(ApiKey.expires_at)
        ).all()
    found = [row.id for row in rows if _stage(row.created_at, row.expires_at, row.reminded_days, now)]
    return found[:AT_ONCE]


def _stage(created_at: int, expires_at: int | None, reminded: int | None, now: int) -> int:
    """The reminder that is due, in days, or 0. None that the key was made too late for: its maker knows."""
    if expires_at is None or expires_at <= now:
        return 0
    reached = [days for days in DAYS if expires_at - now <= days * DAY and expires_at - created_at > days * DAY]
    if not reached or (reminded is not None and reminded <= min(reached)):
        return 0
    return min(reached)


def _tell(key_id: str) -> bool:
    with database.transaction() as session:
        key = session.scalar(select(ApiKey).where(ApiKey.id == key_id).with_for_update(skip_locked=True))
        days = _stage(key.created_at, key.expires_at, key.reminded_days, clock.now()) if key else 0
        if key is None or not days:
            return False  # another worker was faster
        key.reminded_days = days
        _mail(session, key, days)
        audit.record(
            session,
            "api_key.expiring",
            target=f"key:{key.id}",
            owner_id=key.owner_id,
            actor="system",
            name=key.name,
            hint=key.hint,
            days=days,
            expires_at=key.expires_at,
        )
    return True


def _mail(session: Session, key: ApiKey, days: int) -> None:
    owner = session.get_one(User, key.owner_id)
    mails.send(
        session,
        owner.email,
        "key_expiring",
        name=owner.name,
        key=key.name,
        hint=key.hint,
        days=days,
        at=key.expires_at,
        last_used_at=key.last_used_at,
        link=f"{config.current().issuer}/settings/api-keys/{key.id}",
    )
