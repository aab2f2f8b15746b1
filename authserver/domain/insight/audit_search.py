"""Looking into the audit log: who may see which events, and the filters of the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, literal, not_, or_, select, true

from authserver import database
from authserver.domain.insight.audit_sentences import GROUPS
from authserver.domain.people import users
from authserver.domain.record import audit
from authserver.models import ApiKey, AuditEvent, Client

RESULTS = ("ok", "refused")
ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """A search. `visible_to` is a person's id, None for administrators; times are epoch seconds.

    `about` is an id, a reference such as `client:…`, a request id, or (for administrators) an email address.
    """

    visible_to: str | None = None
    group: str = ""
    result: str = ""
    since: int | None = None
    until: int | None = None
    about: str = ""

    @property
    def narrowed(self) -> bool:
        """Whether anything but the viewer narrows it."""
        return bool(self.group or self.result or self.since or self.until or self.about)


def page(wanted: Wanted, *, page: int = 1, limit: int = 20) -> tuple[list[AuditEvent], int]:
    """Events, newest first, and how many there are."""
    conditions = _conditions(wanted)
    with database.reading() as session:
        total = session.scalar(select(func.count()).select_from(AuditEvent).where(*conditions)) or 0
        rows = session.scalars(
            select(AuditEvent)
            .where(*conditions)
            .order_by(AuditEvent.seq.desc())
            .limit(limit)
            .offset((page - 1) * limit)
        ).all()
    return list(rows), total


def count(type: str, *, since: int, visible_to: str | None = None) -> int:
    """How many events of one type a viewer would find since a time (epoch seconds)."""
    conditions = [*_conditions(Wanted(visible_to=visible_to, since=since)), AuditEvent.type == type]
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(AuditEvent).where(*conditions)) or 0


def export(wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Every event that fits, oldest first, as plain dictionaries; no transaction stays open between two batches."""
    conditions, after = _conditions(wanted), -1
    while True:
        with database.reading() as session:
            batch = session.execute(
                select(AuditEvent.__table__)
                .where(*conditions, AuditEvent.seq > after)
                .order_by(AuditEvent.seq)
                .limit(ROWS_AT_ONCE)
            ).all()
        for row in batch:
            yield dict(row._mapping)
        if len(batch) < ROWS_AT_ONCE:
            return
        after = batch[-1].seq


def note_export(format: str, filters: dict[str, str]) -> None:
    """Record that somebody took a copy of the log."""
    with database.transaction() as session:
        audit.record(session, "audit.exported", format=format, filters=filters)


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.visible_to is not None:
        conditions.append(_concerns(wanted.visible_to))
    if wanted.group in GROUPS:
        conditions.append(AuditEvent.type.in_(GROUPS[wanted.group][1]))
    if wanted.result in RESULTS:
        conditions.append(AuditEvent.result == wanted.result)
    if wanted.since is not None:
        conditions.append(AuditEvent.at_us >= wanted.since * 1_000_000)
    if wanted.until is not None:
        conditions.append(AuditEvent.at_us < wanted.until * 1_000_000)
    if wanted.about:
        conditions.append(_is_about(wanted.about, wanted.visible_to))
    return conditions


def _concerns(user_id: str) -> ColumnElement[bool]:
    """About the person, their apps and keys (contract 11.4)."""
    return or_(
        AuditEvent.owner_id == user_id,
        AuditEvent.client_id.in_(select(Client.id).where(Client.owner_id == user_id)),
    )


def _is_about(text: str, visible_to: str | None) -> ColumnElement[bool]:
    text = text.replace("\x00", "")
    found = users.find_by_email(text) if visible_to is None and "@" in text else None
    if found is not None:
        return or_(AuditEvent.owner_id == found.id, AuditEvent.actor == f"user:{found.id}")
    return or_(
        AuditEvent.request_id == text,
        AuditEvent.client_id == text,
        AuditEvent.type == text,
        AuditEvent.actor.contains(text, autoescape=True) & _named(AuditEvent.actor, visible_to),
        AuditEvent.target.contains(text, autoescape=True) & _named(AuditEvent.target, visible_to),
    )


def _named(reference: Any, visible_to: str | None) -> ColumnElement[bool]:
    """Whether this viewer reads the reference: what is told as "another person" is not found, letter by letter."""
    if visible_to is None:
        return true()
    own_keys = select(literal("key:") + ApiKey.id).where(ApiKey.owner_id == visible_to)
    strange = or_(reference.startswith("user:"), reference.startswith("key:"))
    return or_(not_(strange), reference == f"user:{visible_to}", reference.in_(own_keys))
