"""`dry_run=true` checks a creation and keeps nothing; If-Match changes only what one has seen (ux.md 4.4)."""

from __future__ import annotations

from typing import Any

import pytest

from authserver import database
from authserver.domain.record import audit
from authserver.models import ApiKey, Client, IdempotencyKey, WebhookEndpoint
from tests.api.conftest import Caller, key_of
from tests.conftest import Person

GOOD: dict[str, dict[str, Any]] = {
    "/v1/api-keys": {"name": "CI", "permission": "read_only"},
    "/v1/clients": {"client_name": "Reports", "redirect_uris": ["https://reports.example/cb"], "scope": "openid"},
    "/v1/webhooks": {"name": "Billing", "url": "https://billing.example/hook"},
}
BAD: dict[str, dict[str, Any]] = {
    "/v1/api-keys": {"rate_limit": "lots"},
    "/v1/clients": {"redirect_uris": ["javascript:alert(1)"]},
    "/v1/webhooks": {"url": "http://billing.example/hook"},
}
SHOWN_ONCE = ("id", "client_id", "key", "secret", "client_secret", "prefix", "hint")


def stored() -> tuple[int, ...]:
    tables = (ApiKey, Client, WebhookEndpoint, IdempotencyKey)
    with database.reading() as session:
        return *(session.query(table).count() for table in tables), audit.verify().checked


@pytest.mark.parametrize("path", GOOD)
def test_a_rehearsal_answers_what_would_be_made_and_makes_nothing(call: Caller, alice: Person, path: str) -> None:
    key = key_of(alice)
    before = stored()
    said = call("POST", f"{path}?dry_run=true", key, GOOD[path], Idempotency_Key="once")
    assert said.status == 200 and "Location" not in said.headers
    assert stored() == before
    made = call("POST", f"{path}?dry_run=false", key, GOOD[path], Idempotency_Key="once")
    assert made.status == 201 and "Idempotency-Replayed" not in made.headers
    told = {name: value for name, value in made.data.items() if name not in SHOWN_ONCE}
    times = {"created_at", "updated_at", "expires_at", "client_id_issued_at"}
    assert said.data.keys() == told.keys()
    assert all(said.data[name] == value for name, value in told.items() if name not in times)


@pytest.mark.parametrize("path", GOOD)
def test_a_rehearsal_is_refused_like_the_real_thing(call: Caller, alice: Person, path: str) -> None:
    key, body = key_of(alice), {**GOOD[path], **BAD[path]}
    real, rehearsed = call("POST", path, key, body), call("POST", f"{path}?dry_run=true", key, body)
    assert real.error == rehearsed.error == (422, "VALIDATION_FAILED")
    assert real.json["error"]["problems"] == rehearsed.json["error"]["problems"]


def test_only_true_and_false_are_answers(call: Caller, alice: Person) -> None:
    assert call("POST", "/v1/api-keys?dry_run=maybe", key_of(alice), GOOD["/v1/api-keys"]).status == 400


@pytest.mark.parametrize(
    ("path", "change"),
    [("/v1/api-keys", {"note": "For the nightly job"}), ("/v1/clients", {"client_name": "Reports 2"}),
     ("/v1/webhooks", {"active": False})],
)  # fmt: skip
def test_if_match_changes_only_what_one_has_seen(
    call: Caller, alice: Person, path: str, change: dict[str, Any]
) -> None:
    key = key_of(alice)
    made = call("POST", path, key, GOOD[path])
    where = made.headers["Location"]
    seen = call("GET", where, key).headers["ETag"]
    assert seen == made.headers["ETag"]
    changed = call("PATCH", where, key, change, If_Match=seen)
    assert changed.status == 200 and changed.headers["ETag"] != seen
    assert all(changed.data[name] == value for name, value in change.items())
    assert call("PATCH", where, key, change, If_Match=seen).error == (409, "CONFLICT")
    assert call("PATCH", where, key, change, If_Match="*").status == 200
    assert call("PATCH", where, key, change).status == 200


def test_using_a_key_does_not_change_its_tag(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    made = call("POST", "/v1/api-keys", key, GOOD["/v1/api-keys"])
    call("GET", "/v1/me", made.data["key"])
    assert call("GET", made.headers["Location"], key).headers["ETag"] == made.headers["ETag"]
