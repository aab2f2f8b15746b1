"""Erasing people whose seven days are over: their rows go, the audit log keeps an id that names nobody any more."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.ground import batches, cache
from authserver.domain.people import living, usernames
from authserver.domain.record import audit
from authserver.lib import clock
from authserver.models import (
    ApiKey,
    AuthorizationRequest,
    CacheChange,
    Client,
    DemoWorkflow,
    DeviceAuthorization,
    Mail,
    Refusal,
    Resource,
    UsageCount,
    User,
    WebhookEvent,
)
from authserver.tables import Base


def erase_due() -> int:
    """Erase everybody whose time is over; returns how many.

    In short transactions, the person last: whoever is interrupted goes on at the next call, and nobody can be
    restored half-erased, because a restore looks at the same time.
    """
    with database.reading() as session:
        due = session.scalars(select(User.id).where(_is_due()).order_by(User.deleted_at)).all()
    return sum(_erase(user_id) for user_id in due)


def _is_due() -> ColumnElement[bool]:
    return User.deleted_at <= clock.now() - living.RESTORABLE


def _erase(user_id: str) -> bool:
    with database.reading() as session:
        user = session.get(User, user_id)
    if user is None:  # another process was faster
        return False
    for model, condition in _mentions(user):
        batches.delete_all(model, condition)
    batches.delete_hanging(User.__table__, User.id == user_id)
    # The foreign key would leave their APIs without an owner: that must not make them everybody's.
    batches.blank_all(Resource, Resource.owner_id == user_id, private=True, owner_id=None)
    with database.transaction() as session:
        return _erase_row(session, user_id)


def _erase_row(session: Session, user_id: str) -> bool:
    user = session.scalar(select(User).where(User.id == user_id, _is_due()).with_for_update())
    if user is None:
        return False
    usernames.retire(session, user)
    session.execute(update(Resource).where(Resource.owner_id == user_id).values(private=True))
    session.flush()
    session.execute(delete(User).where(User.id == user_id))
    for name in ("clients", "scopes"):
        cache.touch(session, name)
    audit.record(session, "user.erased", target=f"user:{user_id}", owner_id=user_id)
    return True


def _mentions(user: User) -> Iterator[tuple[type[Base], ColumnElement[bool]]]:
    """Rows that speak of a person without a reference that the database knows; before those that lead to them."""
    apps = select(Client.id).where(Client.owner_id == user.id)
    keys = select(ApiKey.id).where(ApiKey.owner_id == user.id)
    yield Mail, or_(Mail.user_id == user.id, Mail.recipient.in_((user.email, user.email_key)))
    yield DemoWorkflow, or_(DemoWorkflow.owner == user.id, DemoWorkflow.owner.in_(apps))
    yield WebhookEvent, WebhookEvent.owner_id == user.id
    yield CacheChange, or_(CacheChange.key == user.id, CacheChange.key.in_(apps))
    yield Refusal, Refusal.owner_id == user.id
    yield AuthorizationRequest, AuthorizationRequest.user_id == user.id
    yield DeviceAuthorization, DeviceAuthorization.user_id == user.id
    yield (
        UsageCount,
        or_(
            UsageCount.subject == f"user:{user.id}",
            UsageCount.subject.in_(select("key:" + keys.subquery().c.id)),
            UsageCount.subject.in_(select("client:" + apps.subquery().c.id)),
        ),
    )
