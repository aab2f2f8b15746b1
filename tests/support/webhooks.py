"""Endpoints of tests, and time that passes for their deliveries."""

from __future__ import annotations

from typing import Any

import pytest

from authserver import database
from authserver.domain import audit, webhook_endpoints, webhook_sending
from authserver.domain.webhook_endpoints import WebhookEndpoint, Wish
from authserver.lib import clock
from tests.conftest import Person

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


class Time:
    """The clock of a test, which moves when told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = float(clock.now())
        monkeypatch.setattr(clock, "now", lambda: int(self.now))
        monkeypatch.setattr(clock, "now_us", lambda: int(self.now * 1_000_000))

    def pass_(self, seconds: float) -> int:
        """Let so much time pass and send what is due then; how many requests were made."""
        self.now += seconds
        return webhook_sending.send_due()
