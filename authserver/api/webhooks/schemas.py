"""What bodies of /v1/webhooks hold."""

from __future__ import annotations

from authserver.domain.record import outbox
from authserver.domain.webhooks import deliveries as webhook_deliveries
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.edge.json_schema import (
    BOOLEAN,
    INTEGER,
    OBJECT,
    STRING,
    TEXTS,
    TIME,
    Schema,
    either,
    one_of,
    or_null,
    record,
    shown,
)
from authserver.lib import moments

_MEMBERS: dict[str, Schema] = {
    "id": STRING,
    "owner_id": STRING,
    "name": STRING,
    "url": STRING,
    "events": TEXTS,
    "active": BOOLEAN,
    "status": one_of("active", "paused", "failing", "disabled"),
    "everybody": BOOLEAN,
    "addresses": {
        **BOOLEAN,
        "description": "Whether it is told who did something, and from where; not if an app without the scope `account`"
        " set it up or gave it another url.",
    },
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
ASKED: dict[str, Schema] = {
    "name": {"type": "string", "minLength": 1, "maxLength": 100},
    "url": {"type": "string", "minLength": 1, "maxLength": 2000},
    "events": {"type": "array", "items": one_of(outbox.ALL, *outbox.EVENTS), "minItems": 1, "maxItems": 50},
    "active": BOOLEAN,
    "everybody": {**BOOLEAN, "description": "All people's events; needs the scope `admin`."},
    "headers": {"type": "object", "additionalProperties": STRING},
}
SECRET: Schema = {
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
OVERLAP = record(
    {"overlap_seconds": {**INTEGER, "enum": sorted(webhook_endpoints.OVERLAPS.values())}},
    about="How long the old secret stays valid.",
)
SIGNED = record(
    {"payload": STRING, "signature": STRING},
    open=True,
    about="Or the raw body itself, with its signature header.",
)
SINCE = record(
    {
        "since": {
            **either({**STRING, "maxLength": 40}, {**INTEGER, "minimum": 0, "maximum": moments.LATEST}),
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
FILTERS: dict[str, Schema] = {"state": one_of(*webhook_deliveries.STATES), "type": one_of(*outbox.EVENTS)}
