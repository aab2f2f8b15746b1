"""Endpoints of tests, and time that passes for their deliveries."""

from __future__ import annotations

import json
from typing import Any

import pytest

from authserver import database
from authserver.domain.record import audit
from authserver.domain.webhooks import courier
from authserver.domain.webhooks import deliveries as webhook_deliveries
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks.deliveries import Delivery
from authserver.domain.webhooks.endpoints import WebhookEndpoint
from authserver.domain.webhooks.wishes import Wish
from authserver.lib import clock
from tests.conftest import Person
from tests.support.receivers import Receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="


def endpoint(owner: Person, url: str, *events: str, secret: str = "", **more: Any) -> WebhookEndpoint:
    """An endpoint that hears of these events, or of all."""
    wish = Wish("Hooks", url, events or ("*",), **more)
    return webhook_endpoints.create(owner.user, wish, secret=secret)[0]


def happen(owner: Person, type: str = "user.login", **more: Any) -> None:
    """An event of this person."""
    more.setdefault("target", f"user:{owner.id}")
    with database.transaction() as session:
        audit.record(session, type, owner_id=owner.id, **more)


def only(endpoint_id: str) -> Delivery:
    """The one delivery of an endpoint."""
    [found], _ = webhook_deliveries.page(endpoint_id)
    return found


def message(receiver: Receiver, number: int = -1) -> dict[str, Any]:
    """What the receiver was told, the last time or another."""
    found: dict[str, Any] = json.loads(receiver.got[number].body)
    return found


class Time:
    """The clock of a test, which moves when told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = float(clock.now())
        monkeypatch.setattr(clock, "now", lambda: int(self.now))
        monkeypatch.setattr(clock, "now_us", lambda: int(self.now * 1_000_000))

    def pass_(self, seconds: float) -> int:
        """Let so much time pass and send what is due then; how many requests were made."""
        self.now += seconds
        return courier.send_due()
