"""RFC 9470 on our own API, where the operator asks for it: `AUTHSERVER_API_MAX_AGE`."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from authserver.domain.api_keys import keys as api_keys
from authserver.lib import clock
from tests.conftest import Person
from tests.support import protocol
from tests.support.protocol import tokens_for

NEW = {"name": "Made", "permission": "read_only"}


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"api_max_age": 300}


@pytest.fixture
def token(app: object, alice: Person) -> str:
    made = protocol.register(scopes=["keys:manage", "workflows:read", "analytics:read"])
    scopes = ["keys:manage", "workflows:read", "analytics:read"]
    return str(tokens_for(alice.id, made, scopes=scopes)["access_token"])


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


def test_a_recent_sign_in_makes_a_key(http: FlaskClient, token: str) -> None:
    assert http.post("/v1/api-keys", json=NEW, headers=bearer(token)).status_code == 201


def test_an_older_one_is_asked_for_a_fresh_one(http: FlaskClient, token: str, time_machine: Any) -> None:
    """Section 3, and RFC 9728 section 5.1."""
    time_machine.move_to(clock.now() + 301)
    refused = http.post("/v1/api-keys", json=NEW, headers=bearer(token))
    said = refused.headers["WWW-Authenticate"]
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (401, "INSUFFICIENT_USER_AUTHENTICATION")
    assert 'error="insufficient_user_authentication"' in said and 'max_age="300"' in said
    assert 'resource_metadata="http://localhost:8000/.well-known/oauth-protected-resource/v1"' in said


def test_reading_and_ending_ask_for_none(http: FlaskClient, token: str, alice: Person, time_machine: Any) -> None:
    row, _ = api_keys.create(alice.user, api_keys.Wish("CI", "read_only"))
    time_machine.move_to(clock.now() + 301)
    assert http.get("/v1/api-keys", headers=bearer(token)).status_code == 200
    assert http.delete(f"/v1/api-keys/{row.id}", headers=bearer(token)).status_code == 204


def test_a_key_needs_none(http: FlaskClient, alice: Person, time_machine: Any) -> None:
    """Contract 12: credentials of /v1 have limits of their own."""
    _, key = api_keys.create(alice.user, api_keys.Wish("CI", "full_access"))
    time_machine.move_to(clock.now() + 301)
    assert http.post("/v1/api-keys", json=NEW, headers=bearer(key)).status_code == 201
