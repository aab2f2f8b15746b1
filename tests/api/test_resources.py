"""/v1/resources."""

from __future__ import annotations

import pytest

from authserver.domain.access import resources
from tests.api.conftest import Caller, key_of
from tests.conftest import Person

NOTES = "https://notes.example.test/mcp"
NEW = {"identifier": NOTES, "name": "Notes", "scope": "notes:read notes:write", "open": True, "access_token_ttl": 600,
       "open_rate_limit": "100/hour", "max_age": 3600, "acr_values": "aal1"}  # fmt: skip


def test_an_api_is_registered_shown_changed_and_deleted(call: Caller, ada: Person) -> None:
    key = key_of(ada)
    made = call("POST", "/v1/resources", key, NEW)
    assert made.status == 201
    assert {name: made.data[name] for name in NEW} == NEW
    path = made.headers["Location"]
    assert call("GET", path, key).data == made.data
    changed = call("PATCH", path, key, {"open": False, "access_token_ttl": None, "max_age": None}).data
    assert (changed["max_age"], changed["acr_values"], changed["open_rate_limit"]) == (None, "aal1", "100/hour")
    assert (changed["open"], changed["access_token_ttl"], changed["scope"]) == (False, None, NEW["scope"])
    assert call("DELETE", path, key).status == 204
    assert resources.find(NOTES) is None


@pytest.mark.parametrize(("member", "value"), [
    ("identifier", "http://api.example.test"), ("identifier", "https://api.example.test/#x"), ("access_token_ttl", 59),
    ("access_token_format", "cwt"), ("scope", "admin"), ("scope", "a\\b"), ("name", ""), ("open", "yes"),
    ("open_rate_limit", "often"), ("max_age", 59), ("max_age", "600"), ("acr_values", "silver"), ("acr_values", "phr"),
])  # fmt: skip
def test_what_breaks_a_rule_is_named(call: Caller, ada: Person, member: str, value: object) -> None:
    answer = call("POST", "/v1/resources", key_of(ada), {**NEW, member: value})
    assert (answer.status, member in str(answer.json)) == (422, True)


def test_what_does_not_exist_is_not_found(call: Caller, ada: Person) -> None:
    assert call("GET", "/v1/resources/res_none", key_of(ada)).status == 404


def test_only_an_administrators_credential_reaches_them(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    assert {call(method, "/v1/resources", key, body).status for method, body in (("GET", None), ("POST", NEW))} == {403}
