"""Owners hear of keys that expire: 30, 14, 3 and 1 days ahead, once each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from authserver.domain import api_keys, audit, expiry_reminders, mails, webhook_deliveries
from authserver.domain.api_keys import Wish
from tests.conftest import Person
from tests.support.webhooks import Time, endpoint

DAY = 86_400


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"outbound_allow": ("127.0.0.1",), "smtp_url": "smtp://127.0.0.1:9", "mail_from": "a@example.test"}


@pytest.fixture(autouse=True)
def _quiet(app: Flask) -> Iterator[None]:
    mails.in_background(False)
    yield
    mails.in_background(True)


@pytest.fixture
def time_(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


def told(person: Person) -> list[int]:
    events, _ = audit.page(owner_id=person.id, type="api_key.expiring", limit=100)
    return [event.data["days"] for event in reversed(events)]


def test_each_reminder_is_sent_once(alice: Person, time_: Time) -> None:
    api_keys.create(alice.user, Wish("CI deploys", "read_only", 90 * DAY))
    for _ in range(95):
        expiry_reminders.send()
        expiry_reminders.send()
        time_.now += DAY
    assert told(alice) == [30, 14, 3, 1]
    assert len([mail for mail in mails.recent() if "CI deploys expires in" in mail.subject]) == 4


def test_a_worker_that_slept_sends_the_latest_alone(alice: Person, time_: Time) -> None:
    api_keys.create(alice.user, Wish("CI deploys", "read_only", 90 * DAY))
    time_.now += 88 * DAY
    assert expiry_reminders.send() == 1
    assert told(alice) == [3]


@pytest.mark.parametrize(("days", "expected"), [(7, [3, 1]), (14, [3, 1]), (1, []), (None, [])])
def test_nobody_is_reminded_of_what_they_just_chose(
    alice: Person, time_: Time, days: int | None, expected: list[int]
) -> None:
    api_keys.create(alice.user, Wish("Short", "read_only", None if days is None else days * DAY))
    for _ in range(20):
        expiry_reminders.send()
        time_.now += DAY
    assert told(alice) == expected


def test_revoked_and_rotated_keys_are_no_news(alice: Person, time_: Time) -> None:
    revoked, _ = api_keys.create(alice.user, Wish("Old", "read_only", 90 * DAY))
    rotated, _ = api_keys.create(alice.user, Wish("Older", "read_only", 90 * DAY))
    time_.now += 80 * DAY
    api_keys.revoke(alice.id, revoked.id)
    api_keys.rotate(alice.user, rotated.id, overlap=7 * DAY)
    assert expiry_reminders.send() == 0


def test_webhooks_hear_of_it(alice: Person, bob: Person, time_: Time) -> None:
    own, others = (endpoint(each, "http://127.0.0.1:9/", "api_key.expiring") for each in (alice, bob))
    api_keys.create(alice.user, Wish("CI deploys", "read_only", 20 * DAY))
    time_.now += 10 * DAY
    expiry_reminders.send()
    assert [each.type for each in webhook_deliveries.page(own.id)[0]] == ["api_key.expiring"]
    assert webhook_deliveries.page(others.id)[0] == []
