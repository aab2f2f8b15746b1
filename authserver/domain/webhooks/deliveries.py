"""Deliveries as their owners see them: what was sent, what came back, and sending it again."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select, update
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.ground import lists
from authserver.domain.ground.lists import Part, Rows
from authserver.domain.record import audit, outbox
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.errors import Conflict, Invalid, NotFound
from authserver.lib import clock
from authserver.models import WebhookAttempt as WebhookAttempt  # what pages and the API are handed
from authserver.models import WebhookDelivery, WebhookEndpoint, WebhookEvent

STATES = ("pending", "delivered", "failed", "missed")
ATTEMPTS = 10  # the turns of the schedule
DAY = 86_400
# So many attempts of an endpoint at most are looked at for its figures.
SAMPLE = 1000
LOOK_SECONDS = 1.5
_looking = threading.Lock()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint. Times in epoch seconds; `next_at` None: nothing left to do.

    `attempts` is how often it was sent; `turns_used` how many of the schedule's turns failed, which probes and what was
    sent again by hand leave alone.
    """

    id: str
    endpoint_id: str
    event_id: str
    type: str
    at: int
    state: str
    test: bool
    attempts: int
    turns_used: int
    next_at: int | None
    finished_at: int | None
    status: int | None
    ms: int | None
    error: str


@dataclass(frozen=True, slots=True)
class Health:
    """How an endpoint did in the last 24 hours; None where nothing was sent."""

    sent: int = 0
    success: float | None = None
    p95_ms: int | None = None


def page(endpoint_id: str, *, state: str = "", type: str = "", **part: Unpack[Part]) -> tuple[Rows[Delivery], int]:
    """Deliveries of an endpoint, newest first, and how many (`lists.read`)."""
    conditions: list[ColumnElement[bool]] = [WebhookDelivery.endpoint_id == endpoint_id]
    if state:
        conditions.append(WebhookDelivery.state == state)
    if type:
        conditions.append(WebhookEvent.type == type)
    with database.reading() as session:
        by = (WebhookDelivery.event_us, WebhookDelivery.id)
        rows, total = lists.read(session, _selected().where(*conditions), by=by, name="deliveries", part=part)
    return rows.each(_delivery), total


def get(owner_id: str | None, endpoint_id: str, delivery_id: str, *, drafts: bool = False) -> Delivery:
    """One delivery of this person's endpoint (None: anybody's); a stranger's is not found."""
    webhook_endpoints.get(owner_id, endpoint_id, drafts=drafts)
    with database.reading() as session:
        row = session.execute(
            _selected().where(WebhookDelivery.id == delivery_id, WebhookDelivery.endpoint_id == endpoint_id)
        ).one_or_none()
    if row is None:
        raise NotFound("There is no such delivery.")
    return _delivery(row)


def looked_for(owner_id: str | None, endpoint_id: str, delivery_id: str, *, drafts: bool = False) -> Delivery:
    """A delivery that the worker is about to send: as it is after a moment, if it is not done before.

    One at a time in each process: no thread of the others waits for somebody's server.
    """
    found = get(owner_id, endpoint_id, delivery_id, drafts=drafts)
    if found.state == "pending" and _looking.acquire(blocking=False):
        try:
            give_up = time.monotonic() + LOOK_SECONDS
            while found.state == "pending" and time.monotonic() < give_up:
                time.sleep(0.1)
                found = get(owner_id, endpoint_id, delivery_id, drafts=drafts)
        finally:
            _looking.release()
    return found


def attempts(delivery_id: str) -> list[WebhookAttempt]:
    """Every request that was made for a delivery, newest first."""
    with database.reading() as session:
        return list(
            session.scalars(
                select(WebhookAttempt)
                .where(WebhookAttempt.delivery_id == delivery_id)
                .order_by(WebhookAttempt.number.desc())
                .limit(50)
            )
        )


def resend(owner_id: str | None, endpoint_id: str, delivery_id: str) -> None:
    """Put a delivery back to the beginning of its schedule, under its id. Raises Conflict if the endpoint is off."""
    found = get(owner_id, endpoint_id, delivery_id)
    if found.test:
        raise Conflict("A test is not sent again. Send a new one.")
    with database.transaction() as session:
        row = _on(session, owner_id, endpoint_id)
        # Zero: somebody waits for it, so it goes before everything else, also while the endpoint is held.
        session.execute(_again().values(next_at=0).where(WebhookDelivery.id == delivery_id))
        audit.record(
            session, "webhook.replayed", target=f"webhook:{row.id}", owner_id=row.owner_id, name=row.name, count=1
        )
        outbox.wake_after(session)


def replay(owner_id: str | None, endpoint_id: str, since: int, *, include_delivered: bool = False) -> int:
    """Send what has not arrived since a time (epoch seconds): failed, missed, or waiting after a failure. How many.

    `include_delivered` sends what arrived once more, too. What waits for its first attempt is left to it.
    """
    if since > clock.now():
        raise Invalid("Choose a time in the past.", field="since")
    with database.transaction() as session:
        row = _on(session, owner_id, endpoint_id)
        chosen = _again().where(
            WebhookDelivery.endpoint_id == endpoint_id,
            WebhookDelivery.event_us >= since * 1_000_000,
            _replayed(include_delivered),
            WebhookDelivery.test.is_(False),
        )
        result = session.execute(chosen, execution_options={"synchronize_session": False})
        count = int(result.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it
        if count:
            audit.record(
                session,
                "webhook.replayed",
                target=f"webhook:{row.id}",
                owner_id=row.owner_id,
                name=row.name,
                count=count,
                since=since,
            )
            row.held_until = 0  # whoever asks knows that it works again; if not, the first failure holds the rest
            outbox.wake_after(session)
    return count


def health(endpoint_ids: Sequence[str]) -> dict[str, Health]:
    """How these endpoints did in the last 24 hours."""
    since = clock.now() - DAY
    if not endpoint_ids:
        return {}
    found: dict[str, list[Row[Any]]] = {each: [] for each in endpoint_ids}
    with database.reading() as session:
        for row in session.execute(lists.together([_latest(each, since) for each in endpoint_ids])):
            found[row.endpoint_id].append(row)
    return {each: _health(rows) for each, rows in found.items()}


def count_by_state(endpoint_id: str) -> dict[str, int]:
    """How many deliveries of an endpoint are in each state that it has, as `lists.count` counts."""
    some = [
        select(WebhookDelivery.state)
        .where(WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.state == state)
        .limit(lists.COUNTED + 1)
        for state in STATES
    ]
    with database.reading() as session:
        found = lists.together(some).subquery()
        rows = session.execute(select(found.c.state, func.count()).group_by(found.c.state)).all()
    return {state: count for state, count in rows}  # noqa: C416  # a Row is no tuple of this type


def waiting() -> tuple[int, int]:
    """How many deliveries wait, and since when the oldest does (epoch seconds, 0 for none)."""
    with database.reading() as session:
        depth, oldest = session.execute(
            select(func.count(), func.min(WebhookDelivery.queued_at))
            .join(WebhookEndpoint, WebhookEndpoint.id == WebhookDelivery.endpoint_id)
            .where(WebhookDelivery.next_at.is_not(None), WebhookEndpoint.stopped_at.is_(None))
        ).one()
    return int(depth), int(oldest or 0)


def _on(session: Session, owner_id: str | None, endpoint_id: str) -> WebhookEndpoint:
    row = session.get(WebhookEndpoint, endpoint_id)
    if row is None or row.deleted_at is not None or row.draft or owner_id not in (None, row.owner_id):
        raise NotFound("There is no such webhook.")
    if row.stopped_at is not None:
        raise Conflict("This webhook is off. Switch it on first.")
    return row


def _replayed(include_delivered: bool) -> ColumnElement[bool]:
    state = WebhookDelivery.state
    ended = state.in_(("failed", "missed", "delivered") if include_delivered else ("failed", "missed"))
    return or_(ended, and_(state == "pending", WebhookDelivery.sends > 0))


def _again() -> Any:
    now = clock.now()
    return update(WebhookDelivery).values(state="pending", attempts=0, queued_at=now, next_at=now, finished_at=None)


def _latest(endpoint_id: str, since: int) -> Select[*tuple[Any, ...]]:
    attempt = WebhookAttempt
    wanted = select(attempt.endpoint_id, attempt.status, attempt.ms)
    return (
        wanted.where(attempt.endpoint_id == endpoint_id, attempt.at >= since).order_by(attempt.at.desc()).limit(SAMPLE)
    )


def _health(rows: Sequence[Row[Any]]) -> Health:
    if not rows:
        return Health()
    good = sum(1 for row in rows if row.status is not None and 200 <= row.status < 300)
    times = sorted(row.ms for row in rows if row.ms is not None)
    return Health(len(rows), good / len(rows), times[int(len(times) * 0.95)] if times else None)


def _selected() -> Any:
    return select(
        WebhookDelivery.id,
        WebhookDelivery.endpoint_id,
        WebhookDelivery.event_id,
        WebhookEvent.type,
        WebhookEvent.at_us,
        WebhookDelivery.state,
        WebhookDelivery.test,
        WebhookDelivery.attempts,
        WebhookDelivery.sends,
        WebhookDelivery.next_at,
        WebhookDelivery.finished_at,
        WebhookDelivery.last_status,
        WebhookDelivery.last_ms,
        WebhookDelivery.last_error,
    ).join(WebhookEvent, WebhookEvent.id == WebhookDelivery.event_id)


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        endpoint_id=row.endpoint_id,
        event_id=row.event_id,
        type=row.type,
        at=row.at_us // 1_000_000,
        state=row.state,
        test=row.test,
        attempts=row.sends,
        turns_used=row.attempts,
        next_at=row.next_at,
        finished_at=row.finished_at,
        status=row.last_status,
        ms=row.last_ms,
        error=row.last_error,
    )
