"""Endpoints: whose they are, how many, and what is told of them (contract 8, I7)."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from flask import Flask

from authserver import config
from authserver.domain.people import users
from authserver.domain.record import audit
from authserver.domain.webhooks import deliveries as webhook_deliveries
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks.wishes import Wish
from authserver.errors import Conflict, Invalid, NotFound, RateLimited
from authserver.lib import webhook_signatures
from tests.conftest import Person
from tests.support.webhooks import SECRET, endpoint

URL = "http://127.0.0.1:9/"


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"outbound_allow": ("127.0.0.1",)}


def test_strangers_endpoints_are_not_there(alice: Person, mallory: Person) -> None:
    row = endpoint(alice, URL)
    for act in (
        lambda: webhook_endpoints.get(mallory.id, row.id),
        lambda: webhook_endpoints.revise(mallory.id, row.id, Wish("x", URL)),
        lambda: webhook_endpoints.switch(mallory.id, row.id, on=False),
        lambda: webhook_endpoints.roll(mallory.id, row.id),
        lambda: webhook_endpoints.test(mallory.id, row.id),
        lambda: webhook_endpoints.verify(mallory.id, row.id, b"", ""),
        lambda: webhook_endpoints.delete(mallory.id, row.id),
        lambda: webhook_deliveries.replay(mallory.id, row.id, 0),
    ):
        with pytest.raises(NotFound):
            act()
    assert webhook_endpoints.page(mallory.id) == ([], 0)


def test_twenty_endpoints_are_enough_for_one_person(alice: Person) -> None:
    for _ in range(webhook_endpoints.MAX_ENDPOINTS):
        endpoint(alice, URL)
    with pytest.raises(Invalid, match="20 webhooks"):
        endpoint(alice, URL)


def test_a_disabled_person_adds_none(alice: Person) -> None:
    users.disable(alice.id)
    with pytest.raises(Conflict):
        endpoint(alice, URL)


def test_verify_has_a_limit_of_its_own(alice: Person) -> None:
    row = endpoint(alice, URL, secret=SECRET)
    good = webhook_signatures.sign(SECRET, b"{}")
    with config.using(dataclasses.replace(config.current(), rate_limit_webhook="2/minute")):
        assert webhook_endpoints.verify(alice.id, row.id, b"{}", good).ok
        assert not webhook_endpoints.verify(alice.id, row.id, b"{} ", good).ok
        with pytest.raises(RateLimited):
            webhook_endpoints.verify(alice.id, row.id, b"{}", good)


def test_the_address_of_a_webhook_is_in_the_audit_log_by_its_host_alone(alice: Person) -> None:
    endpoint(alice, "http://127.0.0.1:9/services/T0/B0/secret-path")
    [event], _ = audit.page(type="webhook.created")
    assert event.data["host"] == "127.0.0.1"
    assert "secret-path" not in json.dumps(event.data)


def test_an_endpoint_can_be_said_as_the_wish_that_makes_it(app: Flask, ada: Person) -> None:
    row = endpoint(ada, URL)
    assert webhook_endpoints.wish_of(row) == Wish("Hooks", URL, ("*",), True, True, {})
