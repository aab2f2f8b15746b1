"""/v1/webhooks: endpoints, their deliveries, tests and signatures (scope settings:manage)."""

from __future__ import annotations

import dataclasses
from typing import Any

from authserver.domain.record import outbox
from authserver.domain.webhooks import deliveries as webhook_deliveries
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks import secrets as webhook_secrets
from authserver.domain.webhooks.deliveries import Delivery
from authserver.domain.webhooks.endpoints import WebhookEndpoint
from authserver.domain.webhooks.wishes import Wish
from authserver.edge.api_call import ADMIN, OWNER, Call, Route, expected_tag, many, nothing, one, tag, time
from authserver.edge.exchange import Outgoing
from authserver.edge.json_errors import invalid_request
from authserver.edge.json_schema import (
    BOOLEAN,
    INTEGER,
    OBJECT,
    STRING,
    TEXTS,
    TIME,
    Schema,
    one_of,
    or_null,
    record,
    ref,
    shown,
)
from authserver.errors import Invalid
from authserver.lib import moments

NEEDED = ("settings:manage",)


def index(call: Call) -> Outgoing:
    """Endpoints, newest first."""
    rows, total = webhook_endpoints.page(call.whose(), page=call.query["page"], limit=call.query["limit"])
    return many([facts(row) for row in rows], total, call)


def create(call: Call) -> Outgoing:
    """Set an endpoint up; its secret is in this answer alone."""
    asked = call.body
    wish = Wish(
        name=asked["name"],
        url=asked["url"],
        events=tuple(asked.get("events") or (outbox.ALL,)),
        active=asked.get("active", True),
        everybody=_everybody(call),
        headers=asked.get("headers") or {},
    )
    row, secret = webhook_endpoints.create(call.actor(), wish, secret=asked.get("secret") or "")
    answer = one({**facts(row), "secret": secret}, 201)
    answer.headers += [("Location", f"/v1/webhooks/{row.id}"), _tag(row)]
    return answer


def show(call: Call) -> Outgoing:
    """One endpoint."""
    return _shown(_get(call))


def change(call: Call) -> Outgoing:
    """Change what is sent: `active` pauses it or lets it go on; with If-Match only if nobody changed it since."""
    row = _get(call)
    sent = {name: call.body[name] for name in ("name", "url", "active", "headers") if name in call.body}
    if "events" in call.body:
        sent["events"] = tuple(call.body["events"])
    if "everybody" in call.body:
        sent["everybody"] = _everybody(call)
    wish = dataclasses.replace(webhook_endpoints.wish_of(row), **sent)
    seen = expected_tag(call)
    still = None if seen is None else lambda found: _tag(found)[1] == seen
    return _shown(webhook_endpoints.revise(row.owner_id, row.id, wish, still=still))


def remove(call: Call) -> Outgoing:
    """End an endpoint; what was on its way is not sent any more."""
    webhook_endpoints.delete(call.reach(), call.path["id"])
    return nothing()


def rotate_secret(call: Call) -> Outgoing:
    """A new secret; the old one stays valid for `overlap_seconds`."""
    overlap = call.body.get("overlap_seconds", webhook_endpoints.OVERLAP_SECONDS)
    row, secret = webhook_endpoints.roll(call.reach(), _get(call).id, overlap=overlap)
    return one({**facts(row), "secret": secret}, 201)


def test(call: Call) -> Outgoing:
    """Have a `webhook.test` sent by the worker, once."""
    return one({"delivery_id": webhook_endpoints.test(call.reach(), _get(call).id)}, 202)


def verify(call: Call) -> Outgoing:
    """Whether a signature is ours: of the raw body with its header, or of `payload` and `signature` in JSON."""
    row = _get(call)
    # Its own header, with the brand of the day it was made.
    signature = call.incoming.header(row.signature_header.lower())
    payload = call.incoming.body
    if not signature:
        if not {"payload", "signature"} <= call.body.keys():
            raise invalid_request(
                f"Send the raw body with its header {row.signature_header}, or JSON with payload and signature."
            )
        payload, signature = call.body["payload"].encode(), call.body["signature"]
    return one({"valid": webhook_endpoints.verify(call.reach(), row.id, payload, signature)})


def list_deliveries(call: Call) -> Outgoing:
    """Deliveries, newest first."""
    rows, total = webhook_deliveries.page(
        _get(call).id,
        state=call.query.get("state", ""),
        type=call.query.get("type", ""),
        page=call.query["page"],
        limit=call.query["limit"],
    )
    return many([_delivery(row) for row in rows], total, call)


def show_delivery(call: Call) -> Outgoing:
    """One delivery with every request that was made for it."""
    found = webhook_deliveries.get(call.reach(), _get(call).id, call.path["delivery_id"])
    return one({**_delivery(found), "requests": [_attempt(each) for each in webhook_deliveries.attempts(found.id)]})


def resend(call: Call) -> Outgoing:
    """Send a delivery again, under the same id."""
    webhook_deliveries.resend(call.reach(), _get(call).id, call.path["delivery_id"])
    return one({"queued": 1}, 202)


def replay(call: Call) -> Outgoing:
    """Send what has not arrived since a time; with `include_delivered` also what has."""
    row, since = _get(call), call.body["since"]
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


def facts(row: WebhookEndpoint) -> dict[str, Any]:
    """An endpoint; its secret and the values of its headers are never shown."""
    return {
        "id": row.id,
        "owner_id": row.owner_id,
        "name": row.name,
        "url": row.url,
        "events": list(row.events),
        "active": row.stopped_at is None,
        "status": webhook_endpoints.status(row),
        "everybody": row.everybody,
        "headers": sorted(webhook_secrets.headers(row)),
        "signature_header": row.signature_header,
        "failing_since": time(row.failing_since),
        "old_secret_ends_at": time(row.old_secret_ends_at),
        "created_at": time(row.created_at),
        "updated_at": time(row.updated_at),
    }


def _get(call: Call) -> WebhookEndpoint:
    """The endpoint; one that hears of everybody only with `admin`: its address, secret and deliveries are worth that.

    Raises NotFound, ApiError (403).
    """
    row = webhook_endpoints.get(call.reach(), call.path["id"])
    if row.everybody:
        call.require(ADMIN)
    return row


def _shown(row: WebhookEndpoint) -> Outgoing:
    answer = one(facts(row))
    answer.headers.append(_tag(row))
    return answer


def _tag(row: WebhookEndpoint) -> tuple[str, str]:
    return tag(facts(row), "name", "url", "events", "active", "everybody", "headers", "updated_at")


def _everybody(call: Call) -> bool | None:
    """All people's events are for administrators, and only where they ask for them (contract 11.4)."""
    if call.body.get("everybody"):
        call.require(ADMIN)
        return True
    return False


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


def _attempt(row: Any) -> dict[str, Any]:
    answer = row.response_body.decode("utf-8", "replace") if row.response_body is not None else None
    return {
        "number": row.number,
        "at": time(row.at),
        "url": row.url,
        "headers": dict(row.headers),
        "body": row.body,
        "status": row.status,
        "ms": row.ms,
        "error": row.error,
        "response_body": answer,
    }


_MEMBERS: dict[str, Schema] = {
    "id": STRING,
    "owner_id": STRING,
    "name": STRING,
    "url": STRING,
    "events": TEXTS,
    "active": BOOLEAN,
    "status": one_of("active", "paused", "failing", "disabled"),
    "everybody": BOOLEAN,
    "headers": TEXTS,
    "signature_header": STRING,
    "failing_since": or_null(TIME),
    "old_secret_ends_at": or_null(TIME),
    "created_at": TIME,
    "updated_at": TIME,
}
_DELIVERY: dict[str, Schema] = {
    "id": STRING,
    "event_id": STRING,
    "type": STRING,
    "state": one_of(*webhook_deliveries.STATES),
    "test": BOOLEAN,
    "attempts": {**INTEGER, "description": "How often it was sent, whatever came of it."},
    "status": or_null(INTEGER),
    "ms": or_null(INTEGER),
    "error": STRING,
    "at": TIME,
    "next_at": or_null(TIME),
    "finished_at": or_null(TIME),
}
_ASKED: dict[str, Schema] = {
    "name": {"type": "string", "minLength": 1, "maxLength": 100},
    "url": {"type": "string", "minLength": 1, "maxLength": 2000},
    "events": {"type": "array", "items": one_of(outbox.ALL, *outbox.CHOICES), "minItems": 1, "maxItems": 50},
    "active": BOOLEAN,
    "everybody": {**BOOLEAN, "description": "All people's events; needs the scope `admin`."},
    "headers": {"type": "object", "additionalProperties": STRING},
}
_SECRET: Schema = {
    "type": ["string", "null"], "maxLength": 200, "description": "whsec_ and the base64 of 24 to 64 bytes.",
}  # fmt: skip
SCHEMAS: dict[str, Schema] = {
    "Webhook": shown(_MEMBERS),
    "NewWebhook": shown({**_MEMBERS, "secret": STRING}, "The only answers with `secret`: made, and rotated."),
    "Delivery": shown(_DELIVERY),
    "DeliveryWithRequests": shown(
        {
            **_DELIVERY,
            "requests": {
                "type": "array",
                "items": shown(
                    {
                        "number": INTEGER, "at": TIME, "url": STRING, "headers": OBJECT, "body": STRING,
                        "status": or_null(INTEGER), "ms": or_null(INTEGER), "error": STRING,
                        "response_body": or_null(STRING),
                    }
                ),
            },
        }
    ),
    "Verified": shown({"valid": BOOLEAN}),
    "Tested": shown({"delivery_id": STRING}),
    "Queued": shown({"queued": INTEGER}),
}  # fmt: skip
_OVERLAP = record(
    {"overlap_seconds": {**INTEGER, "enum": sorted(webhook_endpoints.OVERLAPS.values())}},
    about="How long the old secret stays valid.",
)
_SIGNED = record(
    {"payload": STRING, "signature": STRING},
    open=True,
    about="Or the raw body itself, with its signature header.",
)
_SINCE = record(
    {
        "since": {
            "type": ["string", "integer"],
            "minimum": 0,
            "maximum": moments.LATEST,
            "maxLength": 40,
            "description": "Events from then on: an RFC 3339 time (without an offset it is UTC), a date, or epoch "
            "seconds. Not in the future.",
            "examples": ["2026-11-24T10:00:00Z", "2026-11-24", 1_764_000_000],
        },
        "include_delivered": {
            **BOOLEAN,
            "default": False,
            "description": "Also what arrived, for a receiver that lost it. Left out: only what failed, was missed "
            "while the webhook was off, or waits for another attempt after a failure.",
        },
    },
    "since",
)
_FILTERS: dict[str, Schema] = {"state": one_of(*webhook_deliveries.STATES), "type": one_of(*outbox.EVENTS)}
P = "/v1/webhooks"
ROUTES = (
    Route("GET", P, index, NEEDED, "List webhooks", ref("Webhook"), query=OWNER, many=True),
    Route("POST", P, create, NEEDED, "Create a webhook", ref("NewWebhook"),
          record({**_ASKED, "secret": _SECRET}, "name", "url"), status=201, creates=True,
          rehearsed=("id", "secret"), errors=(409, 422)),
    Route("GET", f"{P}/{{id}}", show, NEEDED, "Show a webhook", ref("Webhook"), errors=(404,)),
    Route("PATCH", f"{P}/{{id}}", change, NEEDED, "Change a webhook", ref("Webhook"), record(_ASKED),
          errors=(404, 409, 422)),
    Route("DELETE", f"{P}/{{id}}", remove, NEEDED, "Delete a webhook", status=204, errors=(404,)),
    Route("POST", f"{P}/{{id}}/secret", rotate_secret, NEEDED, "Rotate the secret", ref("NewWebhook"), _OVERLAP,
          status=201, creates=True, errors=(404, 422)),
    Route("POST", f"{P}/{{id}}/test", test, NEEDED, "Send a test event", ref("Tested"), status=202,
          errors=(404, 409)),
    Route("POST", f"{P}/{{id}}/verify", verify, NEEDED, "Check a signature", ref("Verified"), _SIGNED, raw=True,
          errors=(404, 422)),
    Route("POST", f"{P}/{{id}}/replay", replay, NEEDED, "Send what has not arrived", ref("Queued"), _SINCE,
          status=202, errors=(404, 409, 422)),
    Route("GET", f"{P}/{{id}}/deliveries", list_deliveries, NEEDED, "List deliveries", ref("Delivery"),
          query=_FILTERS, many=True, errors=(404,)),
    Route("GET", f"{P}/{{id}}/deliveries/{{delivery_id}}", show_delivery, NEEDED, "Show a delivery",
          ref("DeliveryWithRequests"), errors=(404,)),
    Route("POST", f"{P}/{{id}}/deliveries/{{delivery_id}}/resend", resend, NEEDED, "Send a delivery again",
          ref("Queued"), status=202, errors=(404, 409)),
)  # fmt: skip
