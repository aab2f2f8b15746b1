"""How long deliveries, events and deleted endpoints are kept, and their end."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.lib import clock
from authserver.models import WebhookDelivery, WebhookEndpoint, WebhookEvent

KEPT_DAYS = 30
DAY = 86_400


def purge() -> int:
    """Delete what is finished and old, tested drafts, and endpoints deleted a day ago; how many deliveries went.

    What waits for an endpoint that has been off for as long goes with it: the page promises no longer.
    """
    now = clock.now()
    before = now - KEPT_DAYS * DAY
    before_us = before * 1_000_000
    long_off = select(WebhookEndpoint.id).where(WebhookEndpoint.stopped_at < before)
    done = or_(WebhookDelivery.next_at.is_(None), WebhookDelivery.endpoint_id.in_(long_off))
    gone = _purge_deliveries(WebhookDelivery.event_us < before_us, done)
    _purge_endpoints(now)
    _purge_events(before_us)
    return gone


def _purge_deliveries(*which: ColumnElement[bool]) -> int:
    total = 0
    while True:
        with database.transaction() as session:
            old = select(WebhookDelivery.id).where(*which).limit(500)
            count = _removed(session, delete(WebhookDelivery).where(WebhookDelivery.id.in_(old)))
        total += count
        if count < 500:
            return total


def _purge_endpoints(now: int) -> None:
    gone = select(WebhookEndpoint.id).where(WebhookEndpoint.deleted_at < now - DAY)
    _purge_deliveries(WebhookDelivery.endpoint_id.in_(gone))  # in batches, before their endpoint takes them along
    with database.transaction() as session:
        _removed(session, delete(WebhookEndpoint).where(WebhookEndpoint.deleted_at < now - DAY))
        _removed(
            session,
            delete(WebhookEndpoint).where(
                WebhookEndpoint.draft, WebhookEndpoint.created_at < now - webhook_endpoints.DRAFT_SECONDS
            ),
        )


def _purge_events(before_us: int) -> None:
    without = ~select(WebhookDelivery.id).where(WebhookDelivery.event_id == WebhookEvent.id).exists()
    while True:
        with database.transaction() as session:
            old = select(WebhookEvent.id).where(WebhookEvent.at_us < before_us, without).limit(500)
            if _removed(session, delete(WebhookEvent).where(WebhookEvent.id.in_(old))) < 500:
                return


def _removed(session: Session, statement: Any) -> int:
    result = session.execute(statement, execution_options={"synchronize_session": False})
    return int(result.rowcount)  # type: ignore[attr-defined]  # a DELETE's result has it
