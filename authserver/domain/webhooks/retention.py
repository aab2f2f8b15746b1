"""How long deliveries, events and deleted endpoints are kept, and their end."""

from __future__ import annotations

from sqlalchemy import ColumnElement, or_, select

from authserver.domain.ground import batches
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
    gone = batches.delete_all(WebhookDelivery, WebhookDelivery.event_us < before_us, done)
    batches.delete_all(WebhookEndpoint, _is_over(now))
    batches.delete_all(WebhookEvent, WebhookEvent.at_us < before_us, _told_nobody())
    return gone


def _is_over(now: int) -> ColumnElement[bool]:
    tested = WebhookEndpoint.draft & (WebhookEndpoint.created_at < now - webhook_endpoints.DRAFT_SECONDS)
    return or_(WebhookEndpoint.deleted_at < now - DAY, tested)


def _told_nobody() -> ColumnElement[bool]:
    return ~select(WebhookDelivery.id).where(WebhookDelivery.event_id == WebhookEvent.id).exists()
