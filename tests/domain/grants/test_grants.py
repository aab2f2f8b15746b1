"""Grants: what ends, and what must not end with it."""

from __future__ import annotations

import pytest
import time_machine
from flask import Flask

from authserver import config, database
from authserver.domain.clients import clients
from authserver.domain.grants import consents, grants
from authserver.domain.grants.grants import GrantFacts
from authserver.domain.ground import cache
from authserver.errors import Denied, Invalid
from authserver.lib import clock
from authserver.models import AuditEvent, Grant
from tests.conftest import Person
from tests.support import protocol
from tests.support.protocol import App


@pytest.fixture
def web_app(app: Flask) -> App:
    return protocol.register()


def only_grant(person: Person) -> Grant:
    (grant,) = grants.live_for(person.id)
    return grant


def facts_of(grant: Grant) -> GrantFacts:
    with database.autocommit() as connection:
        return grants.facts(connection.execute(grants.selected().where(Grant.id == grant.id)).one())


def test_revoking_for_one_person_leaves_the_others_alone(web_app: App, alice: Person, bob: Person) -> None:
    other_app = protocol.register()
    for person, app in ((alice, web_app), (alice, other_app), (bob, web_app)):
        protocol.allow(person.id, app)
    consents.revoke(alice.id, web_app.id)
    assert [grant.client_id for grant in grants.live_for(alice.id)] == [other_app.id]
    assert only_grant(bob).client_id == web_app.id


def test_a_grant_ends_once_and_its_end_is_on_record(web_app: App, alice: Person) -> None:
    protocol.allow(alice.id, web_app)
    grant = only_grant(alice)
    assert grants.revoke(grant.id, "test") is True
    assert grants.revoke(grant.id, "test") is False
    with database.reading() as session:
        (event,) = session.query(AuditEvent).filter_by(type="token.revoked")
    assert (event.target, event.owner_id, event.reason) == (f"grant:{grant.id}", alice.id, "test")


def test_a_grant_is_over_at_its_absolute_end(web_app: App, alice: Person) -> None:
    protocol.allow(alice.id, web_app)
    grant = only_grant(alice)
    assert grant.expires_at - grant.created_at == config.current().refresh_token_max_ttl
    with time_machine.travel(grant.expires_at):
        assert grants.live_for(alice.id) == []


def test_every_column_reaches_the_facts_by_its_own_name(web_app: App, alice: Person) -> None:
    protocol.allow(alice.id, web_app, resources=["https://one.example"], session_id="ses1")
    found = facts_of(only_grant(alice))
    assert (found.user_id, found.client_id, found.session_id) == (alice.id, web_app.id, "ses1")
    assert (found.email, found.name, found.role) == (alice.email, alice.user.name, "user")
    assert (found.scopes, found.resources, found.amr) == (protocol.SCOPES, ["https://one.example"], ["pwd"])


@pytest.mark.parametrize(
    ("granted", "assigned", "asked", "expected"),
    [
        ([], [], [], ()),
        (["one"], ["one"], [], ("one",)),
        (["one", "two"], ["one", "two"], ["two"], ("two",)),
        (["one", "two"], ["one"], [], ("one",)),
        (["one"], ["one"], ["two"], Invalid),
        ([], ["one"], ["one"], Invalid),
        (["one"], [], [], Denied),
        (["one"], [], ["one"], Denied),
        (["gone"], ["gone"], [], Denied),
    ],
)
def test_an_audience_is_narrowed_and_never_widened(
    web_app: App, alice: Person, granted: list[str], assigned: list[str], asked: list[str], expected: object
) -> None:
    for name in ("one", "two"):
        protocol.add_resource(f"https://{name}.example")
    uris = {name: f"https://{name}.example" for name in ("one", "two", "gone")}
    protocol.change(web_app, resources=[uris[name] for name in assigned])
    protocol.allow(alice.id, web_app, resources=[uris[name] for name in granted])
    cache.forget()
    arguments = facts_of(only_grant(alice)), clients.get(web_app.id), [uris[name] for name in asked]
    if isinstance(expected, tuple):
        assert grants.narrowed_resources(*arguments) == tuple(uris[name] for name in expected)
    else:
        with pytest.raises(expected):  # type: ignore[call-overload]
            grants.narrowed_resources(*arguments)


def test_what_was_issued_before_a_persons_not_before_date_is_dead(web_app: App, alice: Person) -> None:
    protocol.allow(alice.id, web_app)
    found = facts_of(only_grant(alice))
    now = clock.now()
    assert found.alive(now, now)
    assert not found.alive(found.tokens_not_before - 1, now)
