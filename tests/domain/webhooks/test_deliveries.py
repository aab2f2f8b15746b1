"""Deliveries that somebody has sent again (contract 8)."""

from __future__ import annotations

from typing import Any

import pytest

from authserver.domain.webhooks import courier
from authserver.domain.webhooks import deliveries as webhook_deliveries
from authserver.domain.webhooks import endpoints as webhook_endpoints
from tests.conftest import Person
from tests.support.receivers import Receiver
from tests.support.webhooks import Time, endpoint, happen, message, only


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"outbound_allow": ("127.0.0.1",), "smtp_url": "smtp://127.0.0.1:9", "mail_from": "a@example.test"}


def test_what_an_endpoint_missed_while_it_was_off_can_be_replayed(
    alice: Person, receiver: Receiver, time_: Time
) -> None:
    receiver.status = 410
    hook = endpoint(alice, receiver.url())
    began = int(time_.now)
    happen(alice)
    time_.pass_(1)
    happen(alice)
    assert time_.pass_(1) == 0
    receiver.status = 200
    webhook_endpoints.switch(alice.id, hook.id, on=True)
    # The one that 410 refused waits for its next attempt: it has not arrived either.
    assert webhook_deliveries.replay(alice.id, hook.id, began) == 2
    time_.pass_(0)
    assert webhook_deliveries.count_by_state(hook.id) == {"delivered": 2}


def test_a_replay_does_not_wait_for_a_failing_endpoints_next_turn(
    alice: Person, receiver: Receiver, time_: Time
) -> None:
    receiver.status = 500
    hook = endpoint(alice, receiver.url())
    began = int(time_.now)
    happen(alice)
    for _ in range(6):
        time_.pass_(1100)
    happen(alice)
    receiver.status = 200
    assert time_.pass_(1) == 0  # it is held
    assert webhook_deliveries.replay(alice.id, hook.id, began) == 1  # the other waits for its first attempt
    assert time_.pass_(0) == 2
    assert {message(receiver, -number)["metadata"]["retry_count"] for number in (2, 1)} == {6, 0}
    assert webhook_deliveries.count_by_state(hook.id) == {"delivered": 2}


def test_a_replay_to_an_endpoint_that_still_fails_asks_it_once(alice: Person, receiver: Receiver, time_: Time) -> None:
    receiver.status = 500
    hook = endpoint(alice, receiver.url())
    began = int(time_.now)
    for _ in range(4):
        happen(alice)
    for _ in range(6):
        time_.pass_(1100)
    before = len(receiver.got)
    assert webhook_deliveries.replay(alice.id, hook.id, began) == 4
    time_.pass_(0)
    assert len(receiver.got) == before + 1


def test_resending_keeps_the_id(alice: Person, receiver: Receiver) -> None:
    hook = endpoint(alice, receiver.url())
    happen(alice)
    courier.send_due()
    webhook_deliveries.resend(alice.id, hook.id, only(hook.id).id)
    courier.send_due()
    assert message(receiver, 0)["id"] == message(receiver, 1)["id"]
    assert message(receiver, 1)["metadata"]["retry_count"] == 1


def test_what_somebody_has_resent_does_not_wait_for_a_failing_endpoint(
    alice: Person, receiver: Receiver, time_: Time
) -> None:
    receiver.status = 500
    hook = endpoint(alice, receiver.url())
    happen(alice)
    for _ in range(6):
        time_.pass_(1100)
    receiver.status = 200
    assert time_.pass_(1) == 0
    webhook_deliveries.resend(alice.id, hook.id, only(hook.id).id)
    assert time_.pass_(0) == 1
    assert only(hook.id).state == "delivered"
