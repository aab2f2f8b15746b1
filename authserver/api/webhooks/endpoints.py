"""/v1/webhooks: endpoints, their secrets, tests and signatures."""

from __future__ import annotations

import dataclasses
from typing import Any

from authserver.domain.record import outbox
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks import secrets as webhook_secrets
from authserver.domain.webhooks.endpoints import WebhookEndpoint
from authserver.domain.webhooks.wishes import Wish
from authserver.edge import refused, restricted
from authserver.edge.api_call import ACCOUNT, ADMIN, Call, expected_tag, many, nothing, one, tag, time
from authserver.edge.exchange import Outgoing
from authserver.edge.json_errors import invalid_request

_MADE = "a webhook of everybody's events"


def index(call: Call) -> Outgoing:
    """Endpoints, newest first."""
    rows, total = webhook_endpoints.page(call.whose(), **call.part)
    return many(rows.each(facts), total, call)


def _asks_for_everybody(call: Call) -> bool:
    return bool(call.body.get("everybody"))


def _reaches_everybody(call: Call) -> bool:
    """Whether the endpoint is, or is to be, one of everybody's events; stopping one is always possible."""
    stops = call.body.get("active") is False and len(call.body) == 1
    return not stops and (_asks_for_everybody(call) or get(call).everybody)


@restricted.for_developers
@restricted.makes(_MADE, when=_asks_for_everybody)
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
        addresses=may_know_who(call),
    )
    row, secret = webhook_endpoints.create(call.actor(), wish, secret=asked.get("secret") or "")
    answer = one({**facts(row), "secret": secret}, 201)
    answer.headers += [("Location", f"/v1/webhooks/{row.id}"), _tag(row)]
    return answer


def show(call: Call) -> Outgoing:
    """One endpoint."""
    return _shown(get(call))


@restricted.makes(_MADE, when=_reaches_everybody)
def change(call: Call) -> Outgoing:
    """Change what is sent: `active` pauses it or lets it go on; with If-Match only if nobody changed it since."""
    row = get(call)
    sent = {name: call.body[name] for name in ("name", "url", "active", "headers") if name in call.body}
    if "events" in call.body:
        sent["events"] = tuple(call.body["events"])
    if "everybody" in call.body:
        sent["everybody"] = _everybody(call)
    if sent.get("url", row.url) != row.url and not call.is_admin:
        call.require_developer()  # it would be another webhook
    wish = dataclasses.replace(webhook_endpoints.wish_of(row), addresses=may_know_who(call), **sent)
    seen = expected_tag(call)
    still = None if seen is None else lambda found: _tag(found)[1] == seen
    return _shown(webhook_endpoints.revise(row.owner_id, row.id, wish, still=still))


def remove(call: Call) -> Outgoing:
    """End an endpoint; what was on its way is not sent any more."""
    webhook_endpoints.delete(call.reach(), call.path["id"])
    return nothing()


@restricted.makes(_MADE, when=_reaches_everybody)
def rotate_secret(call: Call) -> Outgoing:
    """A new secret; the old one stays valid for `overlap_seconds`."""
    overlap = call.body.get("overlap_seconds", webhook_endpoints.OVERLAP_SECONDS)
    row, secret = webhook_endpoints.roll(call.reach(), get(call).id, overlap=overlap)
    return one({**facts(row), "secret": secret}, 201)


def test(call: Call) -> Outgoing:
    """Have a `webhook.test` sent by the worker, once."""
    return one({"delivery_id": webhook_endpoints.test(call.reach(), get(call).id)}, 202)


def verify(call: Call) -> Outgoing:
    """Whether a signature is ours: of the raw body with its header, or of `payload` and `signature` in JSON."""
    row = get(call)
    # Its own header, with the brand of the day it was made.
    signature = call.incoming.header(row.signature_header.lower())
    payload = call.incoming.body
    if not signature:
        if not {"payload", "signature"} <= call.body.keys():
            raise invalid_request(
                f"Send the raw body with its header {row.signature_header}, or JSON with payload and signature."
            )
        payload, signature = call.body["payload"].encode(), call.body["signature"]
    check = webhook_endpoints.verify(call.reach(), row.id, payload, signature)
    if not check.ok:
        refused.note_answer(
            call.incoming.path, code="SIGNATURE_INVALID", status=200, message="The signature is not ours.", check=check
        )
    return one({"valid": check.ok})


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
        "addresses": row.addresses,
        "headers": sorted(webhook_secrets.headers(row)),
        "signature_header": row.signature_header,
        "failing_since": time(row.failing_since),
        "old_secret_ends_at": time(row.old_secret_ends_at),
        "created_at": time(row.created_at),
        "updated_at": time(row.updated_at),
    }


def get(call: Call) -> WebhookEndpoint:
    """The endpoint; one that hears of everybody only with `admin`: its address, secret and deliveries are worth that.

    Raises NotFound, ApiError (403).
    """
    row = webhook_endpoints.get(call.reach(), call.path["id"])
    if row.everybody:
        call.require(ADMIN)
    return row


def may_know_who(call: Call) -> bool:
    """Whether this credential may know from where its person signs in; what it sets up is told no more (11.32)."""
    return call.is_admin or call.holder.knows(*ACCOUNT)


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
