"""Leases: who may send to an endpoint, and who has lost it (I7, E16)."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from typing import Any

import pytest
from sqlalchemy import text

from authserver import database
from authserver.domain.webhooks import attempts as webhook_attempts
from authserver.domain.webhooks import courier
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks import leases as webhook_leases
from authserver.domain.webhooks.attempts import Job, Outcome
from authserver.domain.webhooks.deliveries import ATTEMPTS
from tests.conftest import Person
from tests.support.receivers import Receiver
from tests.support.webhooks import Time, endpoint, happen, only


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"outbound_allow": ("127.0.0.1",), "smtp_url": "smtp://127.0.0.1:9", "mail_from": "a@example.test"}


def test_an_endpoint_is_one_workers_at_a_time(alice: Person, receiver: Receiver) -> None:
    endpoint(alice, receiver.url())
    happen(alice)
    assert len(webhook_leases.claim(5, slow=False)) == 1
    assert webhook_leases.claim(5, slow=False) == []
    assert courier.send_due() == 0


def test_no_more_is_taken_than_was_asked_for_whatever_the_planner_believes(alice: Person, receiver: Receiver) -> None:
    endpoint(alice, receiver.url("/0"))
    happen(alice)
    with database.autocommit() as connection:
        connection.execute(text("ANALYZE"))  # so that it believes in one row, as it does on a young installation
    for number in range(1, 6):
        endpoint(alice, receiver.url(f"/{number}"))
    happen(alice)
    assert len(webhook_leases.claim(2, slow=False)) == 2


def test_a_lease_ends_by_itself(alice: Person, receiver: Receiver, time_: Time) -> None:
    endpoint(alice, receiver.url())
    happen(alice)
    webhook_leases.claim(5, slow=False)
    assert time_.pass_(webhook_leases.LEASE_SECONDS - 1) == 0
    assert time_.pass_(1) == 1


def test_a_lease_of_a_dead_process_of_this_machine_is_taken_back(
    alice: Person, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint(alice, receiver.url())
    happen(alice)
    monkeypatch.setattr(webhook_leases.os, "getpid", lambda: 2**22 + 1)
    webhook_leases.claim(5, slow=False)
    monkeypatch.undo()
    assert courier.send_due() == 0
    webhook_leases.free_dead()
    assert courier.send_due() == 1


def test_a_lease_of_the_living_stays(alice: Person, receiver: Receiver) -> None:
    endpoint(alice, receiver.url())
    happen(alice)
    webhook_leases.claim(5, slow=False)
    webhook_leases.free_dead()
    assert courier.send_due() == 0


def test_who_lost_the_lease_sends_nothing_more(alice: Person, receiver: Receiver, time_: Time) -> None:
    endpoint(alice, receiver.url())
    happen(alice)
    [(endpoint_id, lease, _)] = webhook_leases.claim(1, slow=False)
    time_.now += webhook_leases.LEASE_SECONDS
    assert courier.send_some(endpoint_id, lease, threading.Event()) == 0


def test_a_delivery_that_ends_its_sender_each_time_is_given_up_after_its_turns(
    alice: Person, receiver: Receiver, time_: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = endpoint(alice, receiver.url())
    happen(alice)
    died = 0

    def die(_job: object) -> None:
        nonlocal died
        died += 1
        raise KeyboardInterrupt

    monkeypatch.setattr(webhook_attempts, "make", die)
    for _ in range(ATTEMPTS + 3):
        with contextlib.suppress(KeyboardInterrupt):
            time_.pass_(30 * 3600)
    assert died == ATTEMPTS
    found = only(hook.id)
    assert (found.state, found.error) == ("failed", webhook_attempts.UNFINISHED)


def test_what_another_delivered_meanwhile_is_not_undone_by_who_stood_still(
    alice: Person, receiver: Receiver, time_: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = endpoint(alice, receiver.url())
    happen(alice)
    whole = webhook_attempts.make

    def stand_still(job: Job) -> Outcome:
        monkeypatch.setattr(webhook_attempts, "make", whole)
        time_.now += webhook_leases.LEASE_SECONDS
        assert courier.send_due() == 1  # another, whose lease began when this one's was over
        return dataclasses.replace(whole(job), answer=None, error="No answer within 10 s.")

    monkeypatch.setattr(webhook_attempts, "make", stand_still)
    time_.pass_(0)
    assert only(hook.id).state == "delivered"
    assert time_.pass_(3600) == 0
    assert webhook_endpoints.get(alice.id, hook.id).failing_since is None


@pytest.mark.parametrize("too_late", ["before the turn is counted", "after it"])
def test_who_comes_too_late_for_a_request_within_the_lease_makes_none(
    alice: Person, receiver: Receiver, time_: Time, monkeypatch: pytest.MonkeyPatch, too_late: str
) -> None:
    endpoint(alice, receiver.url())
    happen(alice)
    if too_late == "after it":
        monkeypatch.setattr(webhook_attempts, "START_SECONDS", -1)
        assert time_.pass_(0) == 0
    else:
        [(endpoint_id, lease, _)] = webhook_leases.claim(1, slow=False)
        time_.now += webhook_leases.LEASE_SECONDS - 12
        assert courier.send_some(endpoint_id, lease, threading.Event()) == 0
    assert receiver.got == []
    monkeypatch.undo()
