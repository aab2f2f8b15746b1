"""/v1/webhooks: set up, tested, looked at and verified by their owner."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from authserver import config
from authserver.domain import outbound
from authserver.domain.record import outbox
from authserver.domain.webhooks import courier
from authserver.lib import clock
from tests.api.conftest import Caller, key_of, token_of
from tests.conftest import Person
from tests.support.tables import rows

WISH = {"name": "Chat", "url": "https://hooks.example/kaie", "events": ["api_key.created"]}


@pytest.fixture(autouse=True)
def _no_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "permitted", lambda *_, **__: None)


def made_by(call: Caller, key: str, **members: Any) -> Any:
    return call("POST", "/v1/webhooks", key, {**WISH, **members}).data


def test_an_endpoint_is_made_with_a_secret_that_is_shown_once(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    made = made_by(call, key)
    assert made["secret"].startswith("whsec_") and made["status"] == "active"
    assert made["signature_header"] == "X-Kaie-Signature"
    assert "secret" not in call("GET", f"/v1/webhooks/{made['id']}", key).data


def test_every_event_of_the_contract_can_be_chosen_the_test_too(call: Caller, alice: Person) -> None:
    for events in (["webhook.test"], ["user.created", "webhook.test"], list(outbox.EVENTS)):
        assert sorted(made_by(call, key_of(alice), events=events)["events"]) == sorted(events)


def test_a_given_secret_is_kept(call: Caller, alice: Person) -> None:
    secret = "whsec_" + "QUJD" * 8
    assert made_by(call, key_of(alice), secret=secret)["secret"] == secret
    answer = call("POST", "/v1/webhooks", key_of(alice), {**WISH, "secret": "whsec_short"})
    assert answer.error == (422, "VALIDATION_FAILED") and "secret" in answer.json["error"]["problems"]


def test_it_is_changed_and_paused(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    path = f"/v1/webhooks/{made_by(call, key, headers={'X-Team': 'a'})['id']}"
    changed = call("PATCH", path, key, {"active": False, "name": "Other"}).data
    assert (changed["status"], changed["name"], changed["headers"]) == ("paused", "Other", ["X-Team"])
    assert changed["events"] == WISH["events"]


def test_the_secret_rolls(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    made = made_by(call, key)
    rolled = call("POST", f"/v1/webhooks/{made['id']}/secret", key, {"overlap_seconds": 3600})
    assert rolled.status == 201 and rolled.data["secret"] != made["secret"] and rolled.data["old_secret_ends_at"]


def test_a_signature_is_verified_over_the_raw_body(call: Caller, alice: Person) -> None:
    key, body = key_of(alice), b'{"id":  "evt_1", "a": 1, "a": 2}'
    made = made_by(call, key)
    good = "sha256=" + hmac.new(made["secret"].encode(), body, hashlib.sha256).hexdigest()
    path = f"/v1/webhooks/{made['id']}/verify"
    assert call("POST", path, key, body, X_Kaie_Signature=good).data == {"valid": True}
    assert call("POST", path, key, body + b" ", X_Kaie_Signature=good).data == {"valid": False}
    assert call("POST", path, key, body, X_Kaie_Signature="nonsense").data == {"valid": False}
    assert call("POST", path, key, {"payload": body.decode(), "signature": good}).data == {"valid": True}
    assert call("POST", path, key, {"payload": "x"}).error == (400, "INVALID_REQUEST")


def test_a_signature_is_looked_for_under_the_brand_of_the_day_the_webhook_was_made(call: Caller, alice: Person) -> None:
    key, body = key_of(alice), b'{"id":"evt_1"}'
    with config.using(dataclasses.replace(config.current(), brand="Acme Id")):
        made = made_by(call, key)
    assert made["signature_header"] == "X-Acmeid-Signature"
    good = "sha256=" + hmac.new(made["secret"].encode(), body, hashlib.sha256).hexdigest()
    path = f"/v1/webhooks/{made['id']}/verify"
    assert call("POST", path, key, body, X_Acmeid_Signature=good).data == {"valid": True}
    assert call("POST", path, key, body + b" ", X_Acmeid_Signature=good).data == {"valid": False}
    wrong = call("POST", path, key, body, X_Kaie_Signature=good)
    assert wrong.error == (400, "INVALID_REQUEST")
    assert "X-Acmeid-Signature" in wrong.json["error"]["details"]


def test_verifying_is_limited_for_each_endpoint(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    path = f"/v1/webhooks/{made_by(call, key)['id']}/verify"
    answers = [call("POST", path, key, b"x", X_Kaie_Signature="sha256=00") for _ in range(101)]
    assert answers[99].status == 200 and answers[100].error == (429, "RATE_LIMIT_EXCEEDED")
    assert len(answers[100].headers.get_all("X-RateLimit-Limit")) == 1


def test_a_test_is_queued_and_its_delivery_can_be_seen(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    path = f"/v1/webhooks/{made_by(call, key)['id']}"
    queued = call("POST", f"{path}/test", key)
    assert queued.status == 202
    [row] = call("GET", f"{path}/deliveries", key).data
    assert (row["id"], row["type"], row["test"], row["state"]) == (
        queued.data["delivery_id"], "webhook.test", True, "pending",
    )  # fmt: skip
    assert call("GET", f"{path}/deliveries/{row['id']}", key).data["requests"] == []
    assert call("POST", f"{path}/deliveries/{row['id']}/resend", key).error == (409, "CONFLICT")


def test_what_happened_becomes_a_delivery_that_can_be_sent_again(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    path = f"/v1/webhooks/{made_by(call, key)['id']}"
    key_of(alice)
    [row] = call("GET", f"{path}/deliveries?type=api_key.created", key).data
    assert call("POST", f"{path}/deliveries/{row['id']}/resend", key).data == {"queued": 1}
    assert call("POST", f"{path}/replay", key, {"since": 0}).data == {"queued": 0}  # it waits for its first attempt


@pytest.fixture
def sent(call: Caller, alice: Person, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Of a webhook of Alice's to which one event was delivered: her key, and its path."""
    monkeypatch.setattr(outbound, "fetch", lambda *_, **__: outbound.Answer(200, (), b"", 3))
    key = key_of(alice)
    path = f"/v1/webhooks/{made_by(call, key)['id']}"
    key_of(alice)
    assert courier.send_due() == 1
    return key, path


WHO = {"actor", "ip", "request_id"}


@pytest.fixture
def told(call: Caller, monkeypatch: pytest.MonkeyPatch) -> Callable[[Person], dict[str, set[str]]]:
    """Which of WHO each receiver is sent of a key that its person makes, by its URL."""
    found: dict[str, set[str]] = {}

    def fetch(url: str, _method: str, _headers: Any, body: bytes, **_: Any) -> outbound.Answer:
        found[url] = WHO & json.loads(body)["data"].keys()
        return outbound.Answer(200, (), b"", 3)

    def of(person: Person) -> dict[str, set[str]]:
        found.clear()
        call("POST", "/v1/api-keys", key_of(person), {"name": "CI", "permission": "read_only"})
        courier.send_due()
        return dict(found)

    monkeypatch.setattr(outbound, "fetch", fetch)
    return of


def test_a_webhook_that_an_apps_token_makes_tells_nothing_that_the_token_may_not_read(
    call: Caller, alice: Person, told: Callable[[Person], dict[str, set[str]]]
) -> None:
    """From where its person signs in needs the scope `account` (contract 11.32)."""
    by = {
        "https://hooks.example/app": token_of(alice, "settings:manage"),
        "https://hooks.example/asked": token_of(alice, "settings:manage", "account"),
        "https://hooks.example/own": key_of(alice),
    }
    for url, credential in by.items():
        assert made_by(call, credential, url=url)["addresses"] is (not url.endswith("/app"))
    assert told(alice) == {url: set() if url.endswith("/app") else WHO for url in by}


def test_nor_one_that_it_leads_to_another_address(
    call: Caller, alice: Person, told: Callable[[Person], dict[str, set[str]]]
) -> None:
    key, token, moved = key_of(alice), token_of(alice, "settings:manage"), "https://hooks.example/moved"
    path = f"/v1/webhooks/{made_by(call, key)['id']}"
    assert call("PATCH", path, token, {"name": "Renamed"}).data["addresses"] is True
    assert call("PATCH", path, token, {"url": moved}).data["addresses"] is False
    assert call("PATCH", path, key, {"name": "Again"}).data["addresses"] is False, "it is where the app led it, still"
    assert told(alice) == {moved: set()}
    assert call("PATCH", path, key, {"url": WISH["url"]}).data["addresses"] is True


def test_nor_does_it_read_them_in_what_was_sent(call: Caller, alice: Person, sent: tuple[str, str]) -> None:
    key, path = sent
    [row] = call("GET", f"{path}/deliveries", key).data
    tokens = {"app": token_of(alice, "settings:manage"), "asked": token_of(alice, "settings:manage", "account")}
    for name, credential in ({"own": key} | tokens).items():
        [made] = call("GET", f"{path}/deliveries/{row['id']}", credential).data["requests"]
        data = json.loads(made["body"])["data"]
        assert ("actor" in data) is (name != "app") and data["details"]["name"]


def test_attempts_are_how_often_it_was_sent(call: Caller, sent: tuple[str, str]) -> None:
    key, path = sent
    [row] = call("GET", f"{path}/deliveries", key).data
    assert (row["state"], row["attempts"]) == ("delivered", 1)
    call("POST", f"{path}/deliveries/{row['id']}/resend", key)
    courier.send_due()
    found = call("GET", f"{path}/deliveries/{row['id']}", key).data
    assert (found["attempts"], [each["number"] for each in found["requests"]]) == (2, [2, 1])


def test_what_arrived_is_replayed_only_where_it_is_asked_for(call: Caller, sent: tuple[str, str]) -> None:
    key, path = sent
    assert call("POST", f"{path}/replay", key, {"since": 0}).data == {"queued": 0}
    assert call("POST", f"{path}/replay", key, {"since": 0, "include_delivered": False}).data == {"queued": 0}
    assert call("POST", f"{path}/replay", key, {"since": 0, "include_delivered": True}).data == {"queued": 1}


@pytest.mark.parametrize(
    "write",
    [
        lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.123456+00:00"),
        lambda at: at.strftime("%Y-%m-%d %H:%M"),
        lambda at: at.astimezone(timezone(timedelta(hours=5))).isoformat(timespec="seconds"),
        lambda at: int(at.timestamp()),
        lambda at: str(int(at.timestamp())),
    ],
)
def test_since_is_a_time_as_programs_write_it(
    call: Caller, sent: tuple[str, str], write: Callable[[datetime], str | int]
) -> None:
    key, path = sent
    now = datetime.now(UTC)
    asked = {"since": write(now - timedelta(minutes=2)), "include_delivered": True}
    assert call("POST", f"{path}/replay", key, asked).data == {"queued": 1}
    later = call("POST", f"{path}/replay", key, {"since": write(now + timedelta(minutes=2))})
    assert later.json["error"]["problems"] == {"since": "Choose a time in the past."}


def test_what_happened_before_since_is_not_sent(
    call: Caller, sent: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key, path = sent
    real = clock.now()
    monkeypatch.setattr(clock, "now", lambda: real + 120)
    since = datetime.fromtimestamp(real + 60, UTC).isoformat()
    answer = call("POST", f"{path}/replay", key, {"since": since, "include_delivered": True})
    assert answer.data == {"queued": 0}


@rows(
    "since",
    ["yesterday", "", "2026-13-01", "2026-02-30T10:00Z", "20261124", "2026-11-24T10", "1764000000000", "0001-01-01",
     "9999-12-31", -1, 1_764_000_000_000, 1.5, True, None, ["2026-11-24"], "2026-11-24T25:00Z"],
)  # fmt: skip
def test_since_that_is_no_time_is_refused_with_a_sentence(call: Caller, alice: Person, since: Any) -> None:
    key = key_of(alice)
    answer = call("POST", f"/v1/webhooks/{made_by(call, key)['id']}/replay", key, {"since": since})
    assert answer.error == (422, "VALIDATION_FAILED")
    assert answer.json["error"]["problems"]["since"].endswith(".")


def test_everybodys_events_are_for_administrators(call: Caller, alice: Person, ada: Person) -> None:
    assert call("POST", "/v1/webhooks", key_of(alice), {**WISH, "everybody": True}).error[0] == 403
    token = token_of(ada, "settings:manage")
    assert call("POST", "/v1/webhooks", token, {**WISH, "everybody": True}).error == (403, "SCOPE_INSUFFICIENT")
    assert call("POST", "/v1/webhooks", token, WISH).data["everybody"] is False
    assert made_by(call, key_of(ada), everybody=True)["everybody"] is True


def test_one_for_everybodys_events_stays_out_of_reach_of_an_administrators_lesser_token(
    call: Caller, ada: Person
) -> None:
    path = f"/v1/webhooks/{made_by(call, key_of(ada), everybody=True)['id']}"
    token = token_of(ada, "settings:manage")
    for method, more, body in (
        ("GET", "", None), ("PATCH", "", {"name": "Mine"}), ("POST", "/secret", {}), ("POST", "/test", None),
        ("GET", "/deliveries", None), ("GET", "/deliveries/x", None), ("POST", "/deliveries/x/resend", None),
        ("POST", "/replay", {"since": 0}), ("POST", "/verify", {"payload": "", "signature": ""}),
    ):  # fmt: skip
        assert call(method, path + more, token, body).error == (403, "SCOPE_INSUFFICIENT"), more
    assert call("PATCH", path, key_of(ada), {"name": "Ours"}).data["everybody"] is True


def test_a_stranger_finds_nothing(call: Caller, alice: Person, mallory: Person) -> None:
    path, key = f"/v1/webhooks/{made_by(call, key_of(alice))['id']}", key_of(mallory)
    for method, more, body in (
        ("GET", "", None), ("PATCH", "", {"name": "Mine"}), ("DELETE", "", None), ("POST", "/secret", {}),
        ("POST", "/test", None), ("POST", "/verify", {"payload": "", "signature": ""}), ("GET", "/deliveries", None),
        ("GET", "/deliveries/x", None), ("POST", "/deliveries/x/resend", None), ("POST", "/replay", {"since": 0}),
    ):  # fmt: skip
        assert call(method, path + more, key, body).error == (404, "NOT_FOUND"), more


def test_a_deleted_one_is_gone(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    path = f"/v1/webhooks/{made_by(call, key)['id']}"
    assert call("DELETE", path, key).status == 204
    assert call("GET", path, key).error == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "members", [{"name": ""}, {"events": ["no.such"]}, {"events": []}, {"url": 7}, {"headers": {"X": 1}},
                {"headers": {"Host": "a"}}, {"active": "yes"}, {"unknown": 1}],
)  # fmt: skip
def test_what_breaks_a_rule_is_named(call: Caller, alice: Person, members: dict[str, Any]) -> None:
    assert call("POST", "/v1/webhooks", key_of(alice), {**WISH, **members}).error == (422, "VALIDATION_FAILED")
