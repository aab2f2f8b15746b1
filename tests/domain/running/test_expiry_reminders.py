"""Owners hear of keys and secrets that expire: 30, 14, 3 and 1 days ahead, once each."""

from __future__ import annotations

from typing import Any

import pytest

from authserver import database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys.keys import Wish
from authserver.domain.clients import clients, endings
from authserver.domain.clients import secrets as client_secrets
from authserver.domain.clients.metadata import Registration
from authserver.domain.ground import mails
from authserver.domain.people import users
from authserver.domain.record import audit
from authserver.domain.running import expiry_reminders
from authserver.domain.webhooks import deliveries as webhook_deliveries
from authserver.models import ApiKey, Client, ClientSecret
from tests.conftest import Person
from tests.support.webhooks import Time, endpoint

DAY = 86_400


pytestmark = pytest.mark.usefixtures("mails_wait_to_be_sent")


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"outbound_allow": ("127.0.0.1",), "smtp_url": "smtp://127.0.0.1:9", "mail_from": "a@example.test"}


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


def used(model: type[ApiKey] | type[ClientSecret], row_id: str, at: float, ip: str = "10.1.2.3") -> None:
    with database.transaction() as session:
        row = session.get_one(model, row_id)
        row.last_used_at, row.last_used_ip = int(at), ip


@pytest.mark.parametrize(
    ("later", "word"), [(60, "10.1.2.3: that host still needs the new one"), (-60, "nothing to do")]
)
def test_a_key_that_was_replaced_is_told_of_while_it_is_in_use(
    alice: Person, time_: Time, later: int, word: str
) -> None:
    old, _ = api_keys.create(alice.user, Wish("CI deploys", "read_only", 90 * DAY))
    api_keys.rotate(alice.user, old.id, overlap=7 * DAY)
    used(ApiKey, old.id, time_.now + later)
    days(8, time_)
    assert told(alice) == [3, 1]
    mail = next(each for each in mails.recent() if "CI deploys expires in 1 day" in each.subject)
    assert word in " ".join(mail.body.split())


def days(number: int, time_: Time) -> None:
    for _ in range(number):
        expiry_reminders.send()
        time_.now += DAY


@pytest.fixture
def app_of(alice: Person, time_: Time) -> tuple[str, str]:
    """An app of Alice's and its old secret, which lives for seven days more."""
    client, _ = clients.register(alice.user, Registration(name="Notes", redirect_uris=("https://n.example/cb",)))
    [old] = client_secrets.active(client.id)
    time_.now += DAY
    client_secrets.rotate(alice.user, client.id, 7 * DAY)
    return client.id, old.id


def secret_told(person: Person | None) -> list[int]:
    events, _ = audit.page(owner_id=person.id if person else None, type="client.secret_expiring", limit=100)
    return [event.data["days"] for event in reversed(events)]


@pytest.mark.parametrize(("later", "word"), [(60, "host still needs the new one"), (-60, "nothing to do")])
def test_the_old_secret_of_an_app_is_told_of_while_it_is_in_use(
    alice: Person, bob: Person, app_of: tuple[str, str], time_: Time, later: int, word: str
) -> None:
    client_id, old = app_of
    used(ClientSecret, old, time_.now + later)
    for _ in range(8):
        expiry_reminders.send()
        assert expiry_reminders.send() == 0
        time_.now += DAY
    assert (secret_told(alice), secret_told(bob)) == ([3, 1], [])
    found = [mail for mail in mails.recent() if "old secret of your Kaie app Notes" in mail.subject]
    assert [mail.recipient for mail in found] == [alice.email] * 2
    body = " ".join(found[0].body.split())
    assert word in body
    assert "10.1.2.3" in body
    assert f"/apps/{client_id}/credentials" in body


def test_an_old_secret_that_nothing_uses_is_no_news(alice: Person, app_of: tuple[str, str], time_: Time) -> None:
    days(8, time_)
    assert secret_told(alice) == []


@pytest.mark.parametrize("end", ["revoked", "disabled", "deleted", "owner disabled"])
def test_a_secret_that_works_no_more_is_no_news(alice: Person, app_of: tuple[str, str], time_: Time, end: str) -> None:
    client_id, old = app_of
    used(ClientSecret, old, time_.now)
    if end == "revoked":
        client_secrets.revoke(alice.user, client_id, old)
    elif end == "disabled":
        endings.disable(alice.user, client_id)
    elif end == "deleted":
        endings.remove(alice.user, client_id)
    else:
        users.disable(alice.id)
    days(8, time_)
    assert secret_told(None) == []


def test_an_app_without_an_owner_is_in_the_log_alone(app_of: tuple[str, str], time_: Time) -> None:
    client_id, old = app_of
    used(ClientSecret, old, time_.now)
    with database.transaction() as session:
        session.get_one(Client, client_id).owner_id = None
    days(8, time_)
    assert secret_told(None) == [3, 1]
    assert [mail for mail in mails.recent() if "Notes" in mail.subject] == []


def test_who_chose_a_day_of_overlap_is_not_told_a_second_time(alice: Person, time_: Time) -> None:
    client, _ = clients.register(alice.user, Registration(name="Notes", redirect_uris=("https://n.example/cb",)))
    [old] = client_secrets.active(client.id)
    client_secrets.rotate(alice.user, client.id, DAY)
    used(ClientSecret, old.id, time_.now)
    for _ in range(48):
        expiry_reminders.send()
        time_.now += 3600
    assert secret_told(alice) == []


def test_webhooks_hear_of_it(alice: Person, bob: Person, time_: Time) -> None:
    own, others = (endpoint(each, "http://127.0.0.1:9/", "api_key.expiring") for each in (alice, bob))
    api_keys.create(alice.user, Wish("CI deploys", "read_only", 20 * DAY))
    time_.now += 10 * DAY
    expiry_reminders.send()
    assert [each.type for each in webhook_deliveries.page(own.id)[0]] == ["api_key.expiring"]
    assert webhook_deliveries.page(others.id)[0] == []
