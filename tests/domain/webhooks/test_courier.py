"""The courier: who is sent to, how fast, and that the slow delay nobody (contract 8, I7, E16)."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from typing import Any

import pytest

from authserver import config, database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.people import users
from authserver.domain.webhooks import attempts as webhook_attempts
from authserver.domain.webhooks import courier
from authserver.domain.webhooks import deliveries as webhook_deliveries
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks import leases as webhook_leases
from authserver.domain.webhooks import wishes as webhook_wishes
from authserver.models import WebhookEndpoint
from authserver.observability import context
from tests.conftest import Person
from tests.support import protocol, receivers
from tests.support.receivers import Receiver
from tests.support.webhooks import Time, endpoint, happen, message, only


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"outbound_allow": ("127.0.0.1",), "smtp_url": "smtp://127.0.0.1:9", "mail_from": "a@example.test"}


def test_a_paused_endpoint_gets_what_waited_when_it_goes_on(alice: Person, receiver: Receiver) -> None:
    hook = endpoint(alice, receiver.url())
    happen(alice)
    webhook_endpoints.switch(alice.id, hook.id, on=False)
    assert courier.send_due() == 0
    webhook_endpoints.switch(alice.id, hook.id, on=True)
    assert courier.send_due() == 1


def test_a_deleted_endpoint_gets_nothing_more(alice: Person, receiver: Receiver) -> None:
    hook = endpoint(alice, receiver.url())
    happen(alice)
    webhook_endpoints.delete(alice.id, hook.id)
    happen(alice)
    assert courier.send_due() == 0
    assert receiver.got == []


def test_a_disabled_person_is_told_nothing(alice: Person, receiver: Receiver) -> None:
    from authserver.domain.people import users

    endpoint(alice, receiver.url())
    happen(alice)
    users.disable(alice.id)
    assert courier.send_due() == 0


def test_who_is_disabled_while_their_endpoint_is_sent_to_gets_nothing_more(
    alice: Person, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint(alice, receiver.url())
    for _ in range(3):
        happen(alice)
    made = webhook_attempts.make

    def make(job: Any) -> Any:
        outcome = made(job)
        users.disable(alice.id)
        return outcome

    monkeypatch.setattr(webhook_attempts, "make", make)
    assert courier.send_due() == 1 and len(receiver.got) == 1


def test_where_another_person_did_something_to_what_is_mine_stays_theirs(
    alice: Person, ada: Person, receiver: Receiver
) -> None:
    endpoint(alice, receiver.url(), "client.updated")
    endpoint(ada, receiver.url(), "client.updated", everybody=True)
    key = api_keys.create(ada.user, api_keys.Wish("Hers", "full_access"))[0]
    told: dict[str, list[set[str]]] = {}
    for actor in (f"user:{alice.id}", f"user:{ada.id}", f"key:{key.id}"):
        with context.using(context.Context("req1", "10.1.2.3", "", actor)):
            happen(alice, "client.updated", target="client:cl1")
        assert courier.send_due() == 2
        both = [message(receiver, number)["data"] for number in (-1, -2)]
        told[actor] = [{"actor", "ip", "request_id"} & each.keys() for each in both]
        assert all(each["user_id"] == alice.id for each in both)
    assert all({"actor", "ip", "request_id"} in each for each in told.values())  # the administrator's
    assert {actor for actor, each in told.items() if set() in each} == {f"user:{ada.id}", f"key:{key.id}"}


@pytest.mark.parametrize("loses", ["the role", "the wish"])
def test_what_waits_of_others_is_not_sent_to_who_may_hear_of_them_no_more(
    alice: Person, bob: Person, ada: Person, receiver: Receiver, loses: str
) -> None:
    users.set_role(bob.id, "admin")  # not the last one
    app = protocol.register(owner_id=ada.id)
    hook = endpoint(ada, receiver.url())
    webhook_endpoints.switch(ada.id, hook.id, on=False)
    courier.send_due()
    happen(alice)
    happen(ada)
    happen(alice, "token.revoked", client_id=app.id, target=f"client:{app.id}", ip="192.0.2.7")
    if loses == "the role":
        users.set_role(ada.id, "user")
    else:
        webhook_endpoints.revise(ada.id, hook.id, webhook_wishes.Wish("Hooks", receiver.url(), everybody=False))
    webhook_endpoints.switch(ada.id, hook.id, on=True)
    webhook_deliveries.replay(ada.id, hook.id, 0)
    courier.send_due()
    told = [json.loads(each.body) for each in receiver.got]
    of_alice = [each for each in told if each["data"].get("user_id") == alice.id]
    assert sorted(each["type"] for each in told if each["data"].get("user_id") == ada.id)
    assert [each["type"] for each in of_alice] == ["token.revoked"] and "ip" not in of_alice[0]["data"]
    listed = webhook_deliveries.page(hook.id, limit=100)[0]
    assert len(listed) == len(told)


def test_what_is_resent_beyond_the_limit_waits_like_everything_else(
    alice: Person, receiver: Receiver, time_: Time
) -> None:
    with config.using(dataclasses.replace(config.current(), rate_limit_webhook="1/minute")):
        hook = endpoint(alice, receiver.url())
        happen(alice)
        assert time_.pass_(0) == 1
        webhook_deliveries.resend(alice.id, hook.id, only(hook.id).id)
        assert [time_.pass_(0), time_.pass_(61)] == [0, 1]


def test_no_more_than_the_limit_goes_out_and_the_rest_waits(
    alice: Person, receiver: Receiver, time_: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    with config.using(dataclasses.replace(config.current(), rate_limit_webhook="3/minute")):
        endpoint(alice, receiver.url())
        for _ in range(7):
            happen(alice)
        assert [time_.pass_(seconds) for seconds in (0, 30, 31, 30, 31)] == [3, 0, 3, 0, 1]


def test_a_draft_is_tested_before_it_is_saved_and_hears_nothing_else(alice: Person, receiver: Receiver) -> None:
    row, delivery_id = webhook_endpoints.draft(alice.user, webhook_wishes.Wish("Hooks", receiver.url()))
    happen(alice)
    assert courier.send_due() == 1
    assert message(receiver)["type"] == "webhook.test"
    assert webhook_deliveries.get(alice.id, row.id, delivery_id, drafts=True).state == "delivered"
    assert webhook_endpoints.page(alice.id) == ([], 0)


def test_slow_endpoints_delay_nobody(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "THREADS", 4)
    monkeypatch.setattr(courier, "SLOW_THREADS", 2)
    monkeypatch.setattr(webhook_leases, "SLOW_MS", 300)
    release = threading.Event()

    def stall(_handler: Any) -> None:
        release.wait(8)

    with receivers.listening() as slow, receivers.listening() as quick:
        slow.act = stall
        for number in range(10):
            row = endpoint(alice, slow.url(f"/{number}"))
            with database.transaction() as session:
                session.get_one(WebhookEndpoint, row.id).last_ms = 9000
        endpoint(alice, quick.url())
        until = threading.Event()
        sending = threading.Thread(target=courier.run, args=(until,))
        sending.start()
        try:
            for _ in range(5):
                happen(alice)
                began = time.monotonic()
                while not quick.got and time.monotonic() - began < 5:
                    time.sleep(0.02)
                assert quick.got
                assert time.monotonic() - began < 3
                quick.got.clear()
        finally:
            until.set()
            release.set()
            sending.join(20)
        assert not sending.is_alive()
