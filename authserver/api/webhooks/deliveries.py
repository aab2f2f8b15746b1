"""/v1/webhooks/{id}/deliveries: what was sent, and sending it again."""

from __future__ import annotations

from typing import Any

from authserver.api.webhooks import endpoints
from authserver.domain.record import outbox
from authserver.domain.webhooks import deliveries as webhook_deliveries
from authserver.domain.webhooks.deliveries import Delivery
from authserver.edge.api_call import Call, many, one, time
from authserver.edge.exchange import Outgoing
from authserver.errors import Invalid
from authserver.lib import moments


def list_deliveries(call: Call) -> Outgoing:
    """Deliveries, newest first."""
    rows, total = webhook_deliveries.page(
        endpoints.get(call).id,
        state=call.query.get("state", ""),
        type=call.query.get("type", ""),
        **call.part,
    )
    return many(rows.each(_delivery), total, call)


def show_delivery(call: Call) -> Outgoing:
    """One delivery with every request that was made for it."""
    found = webhook_deliveries.get(call.reach(), endpoints.get(call).id, call.path["delivery_id"])
    who = endpoints.may_know_who(call)
    made = [_attempt(each, who=who) for each in webhook_deliveries.attempts(found.id)]
    return one({**_delivery(found), "requests": made})


def resend(call: Call) -> Outgoing:
    """Send a delivery again, under the same id."""
    webhook_deliveries.resend(call.reach(), endpoints.get(call).id, call.path["delivery_id"])
    return one({"queued": 1}, 202)


def replay(call: Call) -> Outgoing:
    """Send what has not arrived since a time; with `include_delivered` also what has."""
    row, since = endpoints.get(call), call.body["since"]
    if isinstance(since, str):
        since = _moment(since)
    count = webhook_deliveries.replay(
        call.reach(), row.id, since, include_delivered=call.body.get("include_delivered", False)
    )
    return one({"queued": count}, 202)


def _moment(text: str) -> int:
    try:
        return moments.parse(text)
    except ValueError as wrong:
        raise Invalid("Check the members of the body.", problems={"since": str(wrong)}) from None


def _delivery(row: Delivery) -> dict[str, Any]:
    return {
        "id": row.id,
        "event_id": row.event_id,
        "type": row.type,
        "state": row.state,
        "test": row.test,
        "attempts": row.attempts,
        "status": row.status,
        "ms": row.ms,
        "error": row.error,
        "at": time(row.at),
        "next_at": time(row.next_at),
        "finished_at": time(row.finished_at),
    }


def _attempt(row: Any, *, who: bool) -> dict[str, Any]:
    answer = row.response_body.decode("utf-8", "replace") if row.response_body is not None else None
    return {
        "number": row.number,
        "at": time(row.at),
        "url": row.url,
        "headers": dict(row.headers),
        "body": row.body if who else outbox.without_who(row.body),
        "status": row.status,
        "ms": row.ms,
        "error": row.error,
        "response_body": answer,
    }
