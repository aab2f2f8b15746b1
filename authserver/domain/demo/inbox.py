"""What arrived at the demo's own receiver: kept in this process, checked as any receiver checks it."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from standardwebhooks import Webhook, WebhookVerificationError

from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks import secrets as webhook_secrets
from authserver.errors import NotFound
from authserver.lib import clock, webhook_signatures

PATH = "/demo/webhook-inbox"
KEPT = 50
_arrived: deque[Arrival] = deque(maxlen=KEPT)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request: what it claims, whether both of its signatures hold, and whether its id was seen before."""

    at: int
    id: str
    type: str
    genuine: bool
    repeated: bool
    headers: dict[str, str]
    body: str


def take(body: bytes, headers: Mapping[str, str]) -> Arrival:
    """Keep a request. Anybody on this machine can send one; what is not ours is marked."""
    try:
        message = json.loads(body)
        id, type, webhook_id = (str(each) for each in (message["id"], message["type"], _webhook(message)))
        text = json.dumps(message, ensure_ascii=False, indent=2)
    except (ValueError, TypeError, KeyError, RecursionError):
        id, type, webhook_id, text = "", "not an event", "", body.decode(errors="replace")
    found = Arrival(
        at=clock.now(),
        id=id[:60],
        type=type[:60],
        genuine=_is_genuine(webhook_id, body, headers),
        repeated=bool(id) and any(each.id == id for each in _arrived),
        headers={name: value for name, value in headers.items() if _tells(name)},
        body=text[:20_000],
    )
    _arrived.appendleft(found)
    return found


def recent() -> list[Arrival]:
    """What arrived, newest first."""
    return list(_arrived)


def _webhook(message: Mapping[str, Mapping[str, str]]) -> str:
    return message["metadata"]["webhook_id"]


def _tells(name: str) -> bool:
    return name.lower().startswith("webhook-") or name.lower().endswith("-signature")


def _is_genuine(webhook_id: str, body: bytes, headers: Mapping[str, str]) -> bool:
    try:
        endpoint = webhook_endpoints.get(None, webhook_id)
    except NotFound:
        return False
    valid = webhook_secrets.valid(endpoint)
    if not webhook_signatures.verify(valid, body, headers.get(endpoint.signature_header, "")):
        return False
    try:
        Webhook(valid[-1]).verify(body, dict(headers))
    except (WebhookVerificationError, ValueError):
        return False
    return True
