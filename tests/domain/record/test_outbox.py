"""Which events go to whom, what they tell, and that they are part of the change (contract 8, 11.4, I7)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from authserver import database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys.keys import Wish as KeyWish
from authserver.domain.clients import clients
from authserver.domain.clients.metadata import Registration
from authserver.domain.grants import subjects
from authserver.domain.record import audit, outbox
from authserver.domain.signing import keys as signing_keys
from authserver.domain.webhooks import deliveries as webhook_deliveries
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks.wishes import Wish
from authserver.lib import secrets
from authserver.models import User, WebhookEndpoint, WebhookEvent
from authserver.observability import context
from tests.conftest import Person
from tests.support import protocol
from tests.support.webhooks import endpoint, happen

URL = "http://127.0.0.1:9/"
CONTRACT = (
    "user.created user.login user.login_failed user.locked client.created client.updated client.secret_rotated "
    "client.deleted consent.granted consent.revoked token.revoked refresh_token.reused api_key.created api_key.rotated "
    "api_key.revoked api_key.expiring signing_key.rotated webhook.test"
)


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"outbound_allow": ("127.0.0.1",)}


def heard(hook: WebhookEndpoint) -> list[str]:
    return [each.type for each in webhook_deliveries.page(hook.id, limit=100)[0]]


def told(hook: WebhookEndpoint, *, own: bool) -> dict[str, Any]:
    """The payload of the last event, for an endpoint that may or may not know who it was."""
    with database.reading() as session:
        event = session.query(WebhookEvent).order_by(WebhookEvent.at_us.desc()).first()
    assert event
    made = outbox.body(event.id, event.type, event.at_us, event.facts, own=own, endpoint_id=hook.id, retry_count=0)
    found: dict[str, Any] = json.loads(made)
    return found


def test_the_events_are_those_of_the_contract() -> None:
    assert list(outbox.EVENTS) == CONTRACT.split()
    assert sorted(each for _, types in outbox.GROUPS for each in types) == sorted(outbox.EVENTS)


@pytest.mark.parametrize("type", list(outbox.EVENTS))
def test_every_event_has_an_example_in_the_form_of_real_ones(type: str) -> None:
    assert set(json.loads(outbox.example(type))) == {"id", "type", "timestamp", "data", "metadata"}


@pytest.mark.parametrize("type", ["user.logout", "webhook.created", "audit.exported", "session.ended"])
def test_other_events_are_not_sent(alice: Person, type: str) -> None:
    hook = endpoint(alice, URL)
    happen(alice, type)
    assert heard(hook) == []


def test_only_chosen_events_are_sent(alice: Person) -> None:
    hook = endpoint(alice, URL, "user.locked")
    happen(alice)
    happen(alice, "user.locked")
    assert heard(hook) == ["user.locked"]


def test_people_hear_of_themselves_alone(alice: Person, mallory: Person) -> None:
    own, strange = endpoint(alice, URL), endpoint(mallory, URL)
    happen(alice)
    api_keys.create(alice.user, KeyWish("CI", "read_only"))
    assert heard(own) == ["api_key.created", "user.login"]
    assert heard(strange) == []


def test_an_apps_owner_hears_of_the_app_but_not_who_and_from_where(alice: Person, bob: Person) -> None:
    app, _ = clients.register(alice.user, Registration(name="Notes", kind="machine"))
    hook = endpoint(alice, URL)
    with context.using(context.Context("req1", "10.1.2.3", "Firefox", f"user:{bob.id}")), database.transaction() as s:
        who = {"owner_id": bob.id, "client_id": app.id, "asked_from": "192.0.2.7"}
        audit.record(s, "consent.granted", target=f"client:{app.id}", **who, scopes=["a"])
    assert heard(hook) == ["consent.granted"]
    data = told(hook, own=False)["data"]
    assert data == {
        "result": "ok", "target": f"client:{app.id}", "user_id": bob.id, "client_id": app.id,
        "details": {"scopes": ["a"]},
    }  # fmt: skip
    known = told(hook, own=True)["data"]
    assert (known["ip"], known["details"]["asked_from"]) == ("10.1.2.3", "192.0.2.7")


def test_nor_by_which_id_other_apps_know_somebody_whom_this_one_knows_by_another(alice: Person, bob: Person) -> None:
    """OpenID Connect Core 8.1: two owners of such apps would find out whom both have."""
    wish = Registration(
        name="Notes", kind="web", redirect_uris=("https://notes.example.test/cb",), subject_type="pairwise"
    )
    app, secret = clients.register(alice.user, wish)
    hook = endpoint(alice, URL)
    for met in (False, True):
        if met:
            protocol.exchange(protocol.App(app.id, secret or ""), protocol.allow(bob.id, protocol.App(app.id, "")))
        with context.using(context.Context("req1", actor=f"user:{bob.id}")), database.transaction() as s:
            audit.record(s, "consent.granted", target=f"client:{app.id}", owner_id=bob.id, client_id=app.id)
        known = subjects.told(clients.get(app.id), bob.id)
        assert told(hook, own=False)["data"].get("user_id", "") == known != bob.id and bool(known) is met
    assert told(hook, own=True)["data"]["user_id"] == bob.id


def test_administrators_hear_of_everybody_if_they_want(alice: Person, ada: Person) -> None:
    every = endpoint(ada, URL)
    own = endpoint(ada, URL, everybody=False)
    happen(alice)
    signing_keys.rotate()
    assert heard(every) == ["signing_key.rotated", "user.login"]
    assert heard(own) == []


def test_nobody_else_hears_of_everybody_however_they_ask(alice: Person, mallory: Person) -> None:
    hook = endpoint(mallory, URL, everybody=True)
    webhook_endpoints.revise(mallory.id, hook.id, Wish("Hooks", URL, ("*",), everybody=True))
    happen(alice)
    assert heard(hook) == []


def test_who_is_no_administrator_any_more_hears_of_nobody_any_more(alice: Person, ada: Person) -> None:
    hook = endpoint(ada, URL)
    with database.transaction() as session:
        session.get_one(User, ada.id).role = "user"
    happen(alice)
    assert heard(hook) == []


def test_what_is_rolled_back_was_no_event(alice: Person) -> None:
    hook = endpoint(alice, URL)
    with pytest.raises(RuntimeError), database.transaction() as session:
        audit.record(session, "user.login", target=f"user:{alice.id}", owner_id=alice.id)
        raise RuntimeError
    assert heard(hook) == []


def test_without_an_endpoint_an_event_costs_one_look(alice: Person, statements: Any) -> None:
    with statements() as sent:
        happen(alice)
    assert not [each for each in sent if "INSERT INTO webhook" in str(each)]
    with database.reading() as session:
        assert session.query(WebhookEvent).count() == 0


def test_no_secret_is_in_an_event(alice: Person) -> None:
    hook = endpoint(alice, URL)
    key, value = api_keys.create(alice.user, KeyWish("CI", "read_only"))
    _, fresh = api_keys.rotate(alice.user, key.id, overlap=0)
    _, secret = clients.register(alice.user, Registration(name="Notes", kind="machine"))
    with database.reading() as session:
        everything = json.dumps([each.facts for each in session.query(WebhookEvent)])
    assert len(heard(hook)) == 3
    assert secret
    for each in (value, fresh, secret):
        assert each not in everything
        assert secrets.digest(each).hex() not in everything
