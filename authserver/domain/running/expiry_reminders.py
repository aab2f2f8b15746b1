"""Before an API key or a client's old secret expires its owner is told, 30, 14, 3 and 1 days ahead (security 6.3.7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, or_, select
from sqlalchemy.orm import Session, aliased

from authserver import config, database
from authserver.domain.ground import mails
from authserver.domain.record import audit
from authserver.lib import clock
from authserver.models import ApiKey, Client, ClientSecret, User

DAYS = (30, 14, 3, 1)
DAY = 86_400
AT_ONCE = 100
# What was replaced is news to nobody, unless something used it this lately: that would stop.
IN_USE_SECONDS = 30 * DAY
# What expires soon at a time: id, known_at (since when its owner knows that), expires_at, reminded_days.
Wanted = Callable[[int], Select[*tuple[Any, ...]]]


def send() -> int:
    """Tell what has to be told now, each thing once, however many processes ask; returns how many credentials."""
    return _all(_keys, _tell_of_key) + _all(_secrets, _tell_of_secret)


def _all(wanted: Wanted, tell: Callable[[str], bool]) -> int:
    told = 0
    while batch := _due(wanted):
        now_told = sum(tell(id) for id in batch)
        told += now_told
        if not now_told:
            break  # another worker has them
    return told


def _due(wanted: Wanted) -> list[str]:
    now = clock.now()
    with database.reading() as session:
        rows = session.execute(wanted(now)).all()
    return [row.id for row in rows if _stage(row, now)][:AT_ONCE]


def _keys(now: int) -> Select[*tuple[Any, ...]]:
    """API keys that expire soon; a replaced one only while it is in use."""
    successor = aliased(ApiKey)
    return (
        select(
            ApiKey.id,
            func.coalesce(successor.created_at, ApiKey.created_at).label("known_at"),
            ApiKey.expires_at,
            ApiKey.reminded_days,
        )
        .join(User, User.id == ApiKey.owner_id)
        .outerjoin(successor, successor.id == ApiKey.rotated_to)
        .where(
            *_ending(ApiKey, now),
            or_(ApiKey.rotated_to.is_(None), _in_use(ApiKey, now)),
            User.disabled_at.is_(None),
        )
        .order_by(ApiKey.expires_at)
    )


def _secrets(now: int) -> Select[*tuple[Any, ...]]:
    """Secrets of clients that expire soon: one that ends has a successor, which was made when that was settled."""
    successor = aliased(ClientSecret)
    made = select(func.max(successor.created_at)).where(successor.client_id == ClientSecret.client_id)
    return (
        select(
            ClientSecret.id,
            made.scalar_subquery().label("known_at"),
            ClientSecret.expires_at,
            ClientSecret.reminded_days,
        )
        .join(Client, Client.id == ClientSecret.client_id)
        .outerjoin(User, User.id == Client.owner_id)
        .where(
            *_ending(ClientSecret, now),
            _in_use(ClientSecret, now),
            Client.deleted_at.is_(None),
            Client.disabled_at.is_(None),
            User.disabled_at.is_(None),
        )
        .order_by(ClientSecret.expires_at)
    )


def _ending(model: type[ApiKey] | type[ClientSecret], now: int) -> tuple[ColumnElement[bool], ...]:
    return model.expires_at > now, model.expires_at <= now + DAYS[0] * DAY, model.revoked_at.is_(None)


def _in_use(model: type[ApiKey] | type[ClientSecret], now: int) -> ColumnElement[bool]:
    return model.last_used_at > now - IN_USE_SECONDS


def _stage(row: Row[Any], now: int) -> int:
    """The reminder that is due, in days, or 0. None that came too late: who chose the end a day ago knows it."""
    expires_at = row.expires_at
    reached = [days for days in DAYS if expires_at - now <= days * DAY and expires_at - row.known_at > days * DAY]
    if not reached or (row.reminded_days is not None and row.reminded_days <= min(reached)):
        return 0
    return min(reached)


def _locked(session: Session, wanted: Wanted, model: Any, id: str) -> tuple[Any, Any, int]:
    """The row, what is due for it as (row, facts, days), days 0 if another worker was faster."""
    found = session.scalar(select(model).where(model.id == id).with_for_update(skip_locked=True))
    facts = session.execute(wanted(clock.now()).where(model.id == id)).one_or_none() if found else None
    days = _stage(facts, clock.now()) if facts else 0
    if found is not None and days:
        found.reminded_days = days
    return found, facts, days


def _tell_of_key(key_id: str) -> bool:
    with database.transaction() as session:
        key, facts, days = _locked(session, _keys, ApiKey, key_id)
        if not days:
            return False
        owner = session.get_one(User, key.owner_id)
        link, replaced = f"/settings/api-keys/{key.id}", key.rotated_to is not None
        _mail(session, "key_expiring", owner, key, facts, link, days=days, key=key.name, replaced=replaced)
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


def _tell_of_secret(secret_id: str) -> bool:
    with database.transaction() as session:
        secret, facts, days = _locked(session, _secrets, ClientSecret, secret_id)
        if not days:
            return False
        client = session.get_one(Client, secret.client_id)
        owner = session.get(User, client.owner_id) if client.owner_id else None
        if owner is not None:
            link = f"/apps/{client.id}/credentials"
            _mail(session, "secret_expiring", owner, secret, facts, link, days=days, app=client.name)
        audit.record(
            session,
            "client.secret_expiring",
            target=f"client:{client.id}",
            owner_id=client.owner_id,
            client_id=client.id,
            actor="system",
            hint=secret.hint,
            days=days,
            expires_at=secret.expires_at,
        )
    return True


def _mail(
    session: Session, template: str, owner: User, row: ApiKey | ClientSecret, facts: Any, link: str, **more: Any
) -> None:
    mails.send(
        session,
        owner.email,
        template,
        whose=owner.id,
        name=owner.name,
        hint=row.hint,
        at=row.expires_at,
        last_used_at=row.last_used_at,
        last_used_ip=row.last_used_ip,
        used_since=(row.last_used_at or 0) >= facts.known_at,
        link=f"{config.current().issuer}{link}",
        **more,
    )
