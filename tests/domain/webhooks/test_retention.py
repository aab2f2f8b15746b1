"""How long what webhooks sent is kept."""

from __future__ import annotations

from typing import Any

import pytest

from authserver import database
from authserver.domain.webhooks import deliveries as webhook_deliveries
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks import retention as webhook_retention
from authserver.models import WebhookDelivery
from tests.conftest import Person
from tests.support.receivers import Receiver
from tests.support.webhooks import Time, endpoint, happen


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"outbound_allow": ("127.0.0.1",)}


def test_deliveries_are_purged_when_they_are_old(alice: Person, receiver: Receiver, time_: Time) -> None:
    hook = endpoint(alice, receiver.url())
    happen(alice)
    time_.pass_(0)
    time_.now += 31 * 86_400
    assert webhook_retention.purge() == 1
    assert webhook_deliveries.page(hook.id) == ([], 0)
    with database.reading() as session:
        assert session.query(WebhookDelivery).count() == 0


def test_what_waits_is_kept_unless_its_endpoint_has_been_off_for_as_long(
    alice: Person, receiver: Receiver, time_: Time
) -> None:
    off, on = endpoint(alice, receiver.url()), endpoint(alice, receiver.url())
    happen(alice)
    webhook_endpoints.switch(alice.id, off.id, on=False)
    time_.now += 29 * 86_400
    assert webhook_retention.purge() == 0
    time_.now += 2 * 86_400
    assert webhook_retention.purge() == 1
    assert (webhook_deliveries.count_by_state(off.id), webhook_deliveries.count_by_state(on.id)) == ({}, {"pending": 1})
