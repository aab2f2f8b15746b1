"""Requests to a real receiver: what is sent, and what follows from each answer (contract 8, I7)."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from standardwebhooks import Webhook

from authserver import config, database
from authserver.domain import outbound as fetching
from authserver.domain.ground import mails
from authserver.domain.record import audit
from authserver.domain.webhooks import attempts as webhook_attempts
from authserver.domain.webhooks import courier
from authserver.domain.webhooks import deliveries as webhook_deliveries
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.lib import webhook_signatures
from authserver.models import WebhookEndpoint
from tests.conftest import Person
from tests.support.receivers import Receiver
from tests.support.webhooks import SECRET, Time, endpoint, happen, message, only

pytestmark = pytest.mark.usefixtures("mails_wait_to_be_sent")


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"outbound_allow": ("127.0.0.1",), "smtp_url": "smtp://127.0.0.1:9", "mail_from": "a@example.test"}


def test_an_event_arrives_as_the_contract_says(alice: Person, receiver: Receiver) -> None:
    hook = endpoint(alice, receiver.url(), secret=SECRET)
    happen(alice, amr=["pwd"])
    assert courier.send_due() == 1
    [got] = receiver.got
    sent = json.loads(got.body)
    assert set(sent) == {"id", "type", "timestamp", "data", "metadata"}
    assert sent["type"] == "user.login"
    assert sent["data"]["details"] == {"amr": ["pwd"]}
    assert sent["metadata"] == {"webhook_id": hook.id, "retry_count": 0, "version": "1.0"}
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["webhook-id"] == sent["id"]


def test_both_signatures_hold_for_the_tools_of_others(alice: Person, receiver: Receiver) -> None:
    endpoint(alice, receiver.url(), secret=SECRET)
    happen(alice)
    courier.send_due()
    [got] = receiver.got
    assert Webhook(SECRET).verify(got.body, got.headers)["type"] == "user.login"
    assert got.headers["X-Kaie-Signature"] == webhook_signatures.sign(SECRET, got.body)


def test_during_a_roll_ours_stays_with_the_old_secret_and_theirs_carries_both(
    alice: Person, receiver: Receiver, time_: Time
) -> None:
    hook = endpoint(alice, receiver.url(), secret=SECRET)
    _, new = webhook_endpoints.roll(alice.id, hook.id)
    happen(alice)
    courier.send_due()
    got = receiver.got[-1]
    assert got.headers["X-Kaie-Signature"] == webhook_signatures.sign(SECRET, got.body)
    assert len(got.headers["webhook-signature"].split(" ")) == 2
    for secret in (SECRET, new):
        tag = webhook_signatures.headers("X", [secret], got.headers["webhook-id"], int(time_.now), got.body)
        assert tag["webhook-signature"] in got.headers["webhook-signature"].split(" ")
    time_.now += 24 * 3600
    happen(alice)
    courier.send_due()
    got = receiver.got[-1]
    assert got.headers["X-Kaie-Signature"] == webhook_signatures.sign(new, got.body)
    assert len(got.headers["webhook-signature"].split(" ")) == 1


def test_end_now_ends_the_overlap(alice: Person, receiver: Receiver) -> None:
    hook = endpoint(alice, receiver.url(), secret=SECRET)
    _, new = webhook_endpoints.roll(alice.id, hook.id)
    webhook_endpoints.end_old_secret(alice.id, hook.id)
    happen(alice)
    courier.send_due()
    assert receiver.got[-1].headers["X-Kaie-Signature"] == webhook_signatures.sign(new, receiver.got[-1].body)


def test_a_brand_that_changes_leaves_the_header_of_known_endpoints(alice: Person, receiver: Receiver) -> None:
    endpoint(alice, receiver.url(), secret=SECRET)
    with config.using(dataclasses.replace(config.current(), brand="Acme ID")):
        endpoint(alice, receiver.url("/new"), secret=SECRET)
        happen(alice)
        courier.send_due()
    names = {got.path: {name for name in got.headers if name.startswith("X-")} for got in receiver.got}
    assert names == {"/hook": {"X-Kaie-Signature"}, "/new": {"X-Acmeid-Signature"}}


def test_retries_keep_the_id_count_up_and_follow_the_schedule(alice: Person, receiver: Receiver, time_: Time) -> None:
    receiver.status = 503
    hook = endpoint(alice, receiver.url())
    happen(alice)
    assert time_.pass_(0) == 1
    for seconds in webhook_attempts.BACKOFF:
        wait = (only(hook.id).next_at or 0) - int(time_.now)
        assert 0.8 * seconds - 1 <= wait <= 1.2 * seconds + 1
        with database.transaction() as session:  # what probes do is told elsewhere
            session.get_one(WebhookEndpoint, hook.id).probe_at = None
            session.get_one(WebhookEndpoint, hook.id).failing_since = int(time_.now)
        assert time_.pass_(wait - 1) == 0
        assert time_.pass_(1) == 1
    found = only(hook.id)
    assert (found.state, found.attempts, found.turns_used, found.next_at) == ("failed", 10, 10, None)
    assert len({message(receiver, number)["id"] for number in range(10)}) == 1
    assert [message(receiver, number)["metadata"]["retry_count"] for number in range(10)] == list(range(10))
    assert [Webhook] and len({got.headers["X-Kaie-Signature"] for got in receiver.got}) == 10


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_counts(alice: Person, receiver: Receiver, status: int) -> None:
    receiver.status, receiver.body = status, b""
    hook = endpoint(alice, receiver.url())
    happen(alice)
    courier.send_due()
    found = only(hook.id)
    assert (found.state, found.attempts, found.turns_used) == ("delivered", 1, 0)


@pytest.mark.parametrize("status", [301, 302, 400, 401, 404, 429, 500])
def test_anything_else_is_tried_again(alice: Person, receiver: Receiver, status: int) -> None:
    receiver.status = status
    receiver.headers = {"Location": "/elsewhere"}
    hook = endpoint(alice, receiver.url())
    happen(alice)
    courier.send_due()
    found = only(hook.id)
    assert (found.state, found.status, len(receiver.got)) == ("pending", status, 1)


def test_one_event_that_is_refused_does_not_stop_the_others(alice: Person, receiver: Receiver, time_: Time) -> None:
    def act(handler: Any) -> None:
        bad = b"user.locked" in receiver.got[-1].body
        handler.send_response(500 if bad else 200)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    receiver.act = act
    hook = endpoint(alice, receiver.url())
    for type in ("user.locked", "user.login", "user.login_failed"):
        happen(alice, type)
    time_.pass_(0)
    found = webhook_deliveries.count_by_state(hook.id)
    assert found == {"delivered": 2, "pending": 1}


def test_an_endpoint_that_keeps_failing_is_asked_every_fifteen_minutes_whatever_waits(
    alice: Person, receiver: Receiver, time_: Time
) -> None:
    receiver.status = 500
    endpoint(alice, receiver.url())
    for _ in range(50):
        happen(alice)
    requests = sum(time_.pass_(30) for _ in range(120))  # an hour
    assert 6 <= requests <= 14
    receiver.status = 200
    assert sum(time_.pass_(30) for _ in range(37)) >= 50  # probed within 18 minutes, and then everything comes
    assert len({message(receiver, number)["id"] for number in range(len(receiver.got))}) == 50


def test_the_first_success_wakes_everything(alice: Person, receiver: Receiver, time_: Time) -> None:
    receiver.status = 500
    hook = endpoint(alice, receiver.url())
    happen(alice)
    for _ in range(5):
        time_.pass_(1000)
    happen(alice)
    receiver.status = 200
    time_.pass_(1100)
    assert webhook_deliveries.count_by_state(hook.id) == {"delivered": 2}
    assert webhook_endpoints.status(webhook_endpoints.get(alice.id, hook.id)) == "active"


def test_a_probe_takes_no_attempt_from_the_schedule(alice: Person, receiver: Receiver, time_: Time) -> None:
    receiver.status = 500
    hook = endpoint(alice, receiver.url())
    happen(alice)
    for _ in range(100):
        time_.pass_(600)
    found = only(hook.id)
    assert found.attempts == len(receiver.got) > 20
    assert found.turns_used < 8
    assert found.state == "pending"


def test_a_day_of_failures_is_told_once_and_five_end_it(alice: Person, receiver: Receiver, time_: Time) -> None:
    receiver.status = 500
    hook = endpoint(alice, receiver.url())
    for _ in range(5 * 24 // 4 + 1):
        happen(alice)
        time_.pass_(4 * 3600)
    row = webhook_endpoints.get(alice.id, hook.id)
    assert (webhook_endpoints.status(row), row.stopped_because) == ("disabled", "failing")
    subjects = [mail.subject for mail in mails.recent()]
    assert len([each for each in subjects if "failing for a day" in each]) == 1
    assert len([each for each in subjects if "switched off" in each]) == 1
    [told], _ = audit.page(type="webhook.disabled")
    assert (told.owner_id, told.actor, told.reason) == (alice.id, "system", "failing")


def test_410_ends_it_at_once(alice: Person, receiver: Receiver) -> None:
    receiver.status = 410
    hook = endpoint(alice, receiver.url())
    happen(alice)
    courier.send_due()
    row = webhook_endpoints.get(alice.id, hook.id)
    assert (webhook_endpoints.status(row), row.stopped_because) == ("disabled", "gone")
    [told] = [mail for mail in mails.recent() if "switched off" in mail.subject]
    assert told.recipient == alice.email
    assert "410 Gone" in told.body
    assert f"/webhooks/{hook.id}" in told.body


def test_what_is_blocked_is_never_sent_and_told_as_the_reason(alice: Person, receiver: Receiver) -> None:
    hook = endpoint(alice, receiver.url())
    happen(alice)
    with config.using(dataclasses.replace(config.current(), outbound_allow=())):
        courier.send_due()
    assert receiver.got == []
    assert only(hook.id).error == "127.0.0.1 is this machine's own address."


def test_the_answer_of_an_opened_address_is_kept_by_its_status_alone(alice: Person, receiver: Receiver) -> None:
    receiver.body = b"inner secrets"
    hook = endpoint(alice, receiver.url())
    happen(alice)
    courier.send_due()
    [made] = webhook_deliveries.attempts(only(hook.id).id)
    assert (made.status, made.response_body, made.response_headers) == (200, None, [])


def test_the_answer_of_a_public_address_is_kept_up_to_four_kb(
    alice: Person, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from authserver.lib import outbound

    monkeypatch.setattr(outbound, "objection", lambda address: "")
    real = fetching.fetch
    monkeypatch.setattr(
        fetching, "fetch", lambda *args: dataclasses.replace(real(*args), opened=False)
    )  # it came over http here
    receiver.body = b"x" * 10_000
    hook = endpoint(alice, receiver.url())
    happen(alice)
    courier.send_due()
    [made] = webhook_deliveries.attempts(only(hook.id).id)
    assert made.response_body == b"x" * 4096
    assert ["Content-Length", "10000"] in made.response_headers


def test_what_is_sent_again_and_again_leaves_its_newest_attempt(
    alice: Person, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_attempts, "KEPT_ATTEMPTS", "3/hour")
    hook = endpoint(alice, receiver.url())
    happen(alice)
    kept = []
    for _ in range(5):
        courier.send_due()
        kept.append([each.number for each in webhook_deliveries.attempts(only(hook.id).id)])
        webhook_deliveries.replay(alice.id, hook.id, 0, include_delivered=True)
    assert kept == [[1], [2, 1], [3, 2, 1], [4], [5]]


def test_of_long_headers_of_an_answer_the_beginning_is_kept() -> None:
    kept = webhook_attempts._shortened([(f"x-{number}", "v" * 500) for number in range(50)])
    assert [name for name, _ in kept] == [f"x-{number}" for number in range(8)]


def test_own_headers_are_sent_and_not_shown(alice: Person, receiver: Receiver) -> None:
    hook = endpoint(alice, receiver.url(), headers={"Authorization": "Bearer hush", "X-Team": "blue"})
    happen(alice)
    courier.send_due()
    assert receiver.got[0].headers["Authorization"] == "Bearer hush"
    [made] = webhook_deliveries.attempts(only(hook.id).id)
    assert made.headers["Authorization"] == "•••"


def test_a_test_is_sent_once_and_says_nothing_about_the_endpoint(alice: Person, receiver: Receiver) -> None:
    receiver.status = 500
    hook = endpoint(alice, receiver.url(), "user.login")
    webhook_endpoints.test(alice.id, hook.id)
    courier.send_due()
    assert message(receiver)["type"] == "webhook.test"
    assert only(hook.id).state == "failed"
    assert webhook_endpoints.status(webhook_endpoints.get(alice.id, hook.id)) == "active"
    assert courier.send_due() == 0


@pytest.mark.parametrize(("said", "wait"), [("7200", 7200), ("999999999", 86_400), ("soon", 0), ("-5", 0)])
def test_a_receiver_that_asks_to_be_left_alone_is_for_as_long_and_no_longer_than_a_day(
    alice: Person, receiver: Receiver, time_: Time, said: str, wait: int
) -> None:
    """RFC 9110 section 10.2.3."""
    endpoint(alice, receiver.url())
    receiver.status, receiver.headers = 503, {"Retry-After": said}
    happen(alice)
    assert time_.pass_(0) == 1
    assert not wait or time_.pass_(wait - 10) == 0
    assert time_.pass_(3600) >= 1
