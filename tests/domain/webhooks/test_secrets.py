"""Secrets and headers of endpoints are sealed (security I7)."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from authserver import config, database
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks import secrets as webhook_secrets
from authserver.lib.sealing import SealBroken
from authserver.models import WebhookEndpoint
from tests.conftest import Person
from tests.support.webhooks import SECRET, endpoint

URL = "http://127.0.0.1:9/"


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"outbound_allow": ("127.0.0.1",)}


def test_a_secret_is_sealed_at_rest_and_bound_to_its_row(alice: Person) -> None:
    one, other = endpoint(alice, URL, secret=SECRET), endpoint(alice, URL)
    assert SECRET.encode() not in one.secret_sealed
    with database.transaction() as session:
        session.get_one(WebhookEndpoint, other.id).secret_sealed = one.secret_sealed
    with pytest.raises(SealBroken):
        webhook_secrets.valid(webhook_endpoints.get(alice.id, other.id))


def test_rewrap_moves_secrets_and_headers_to_todays_key(alice: Person) -> None:
    row = endpoint(alice, URL, secret=SECRET, headers={"X-Team": "blue"})
    webhook_endpoints.roll(alice.id, row.id)
    old = "an old sealing key of more than 32 characters"
    moved = dataclasses.replace(config.current(), kek=old)
    with config.using(moved):
        assert webhook_secrets.rewrap() == 1
    with config.using(dataclasses.replace(moved, secret_key="another secret key, which did not seal anything")):
        row = webhook_endpoints.get(alice.id, row.id)
        assert webhook_secrets.valid(row)[0] == SECRET
        assert webhook_secrets.headers(row) == {"X-Team": "blue"}
