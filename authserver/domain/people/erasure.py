"""Erasing people whose seven days are over: their rows go, the audit log keeps an id that names nobody any more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, or_, select, tuple_, update
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.ground import cache
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

BATCH = 500


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
    for table, condition in [*_mentions(user), *_rows_of(User.__table__, User.id == user_id)]:
        while _delete_some(table, condition) == BATCH:
            pass
    with database.transaction() as session:
        return _erase_row(session, user_id)


def _erase_row(session: Session, user_id: str) -> bool:
    user = session.scalar(select(User).where(User.id == user_id, _is_due()).with_for_update())
    if user is None:
        return False
    usernames.retire(session, user)
    # The foreign key leaves them without an owner: that must not make them everybody's.
    session.execute(update(Resource).where(Resource.owner_id == user_id).values(private=True))
    session.flush()
    session.execute(delete(User).where(User.id == user_id))
    for name in ("clients", "scopes"):
        cache.touch(session, name)
    audit.record(session, "user.erased", target=f"user:{user_id}", owner_id=user_id)
    return True


def _mentions(user: User) -> Iterator[tuple[Any, ColumnElement[bool]]]:
    """Rows that speak of a person without a reference that the database knows; before those that lead to them."""
    apps = select(Client.id).where(Client.owner_id == user.id)
    keys = select(ApiKey.id).where(ApiKey.owner_id == user.id)
    yield Mail.__table__, or_(Mail.user_id == user.id, Mail.recipient.in_((user.email, user.email_key)))
    yield DemoWorkflow.__table__, or_(DemoWorkflow.owner == user.id, DemoWorkflow.owner.in_(apps))
    yield WebhookEvent.__table__, WebhookEvent.owner_id == user.id
    yield CacheChange.__table__, or_(CacheChange.key == user.id, CacheChange.key.in_(apps))
    yield Refusal.__table__, Refusal.owner_id == user.id
    yield AuthorizationRequest.__table__, AuthorizationRequest.user_id == user.id
    yield DeviceAuthorization.__table__, DeviceAuthorization.user_id == user.id
    yield (
        UsageCount.__table__,
        or_(
            UsageCount.subject == f"user:{user.id}",
            UsageCount.subject.in_(select("key:" + keys.subquery().c.id)),
            UsageCount.subject.in_(select("client:" + apps.subquery().c.id)),
        ),
    )


def _rows_of(table: Any, condition: ColumnElement[bool]) -> Iterator[tuple[Any, ColumnElement[bool]]]:
    """The tables whose rows hang on these, the outermost first, found from the foreign keys."""
    for other in Base.metadata.sorted_tables:
        for key in other.foreign_keys:
            if key.column.table is table and key.ondelete == "CASCADE":  # their APIs become the installation's
                theirs = key.parent.in_(select(key.column).where(condition))
                yield from _rows_of(other, theirs)
                yield other, theirs


def _delete_some(table: Table, condition: ColumnElement[bool]) -> int:
    columns = list(table.primary_key.columns)
    one = columns[0] if len(columns) == 1 else tuple_(*columns)
    with database.transaction() as session:
        gone = session.execute(
            delete(table).where(one.in_(select(*columns).where(condition).limit(BATCH))),
            execution_options={"synchronize_session": False},
        )
    return int(gone.rowcount)  # type: ignore[attr-defined]  # a DELETE's result has it
