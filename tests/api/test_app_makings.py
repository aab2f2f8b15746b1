"""What an app made for a person by its tokens does not outlive what they allowed it, unless they say so."""

from __future__ import annotations

import dataclasses

import pytest

from authserver import config, database
from authserver.domain.access import scopes
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys.keys import Wish
from authserver.domain.clients import blocked_apps
from authserver.domain.people import users
from authserver.domain.record import outbox
from authserver.domain.tokens import app_makings, disowning, inspection, leaks
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks import wishes as webhook_wishes
from authserver.errors import NotFound
from authserver.lib import clock
from authserver.models import ApiKey, AuditEvent
from tests.api.conftest import Caller, key_of
from tests.conftest import Person
from tests.support import protocol
from tests.support.protocol import App

SCOPES = ["keys:manage", "settings:manage", "workflows:read", "analytics:read"]
EVERYTHING = [each.name for each in scopes.BUILTIN if each.self_service]
ADMIN = [*SCOPES, "admin"]
HOOK = {"name": "Made", "url": "https://hooks.example.test/in"}
KEY = {"name": "Made", "permission": "read_only"}


def kinds(person: Person, *apps: App) -> list[str]:
    return sorted(each.kind for each in app_makings.of(person.user, [app.id for app in apps]))


def token_of(person: Person, app: App, scopes: list[str]) -> str:
    return str(protocol.tokens_for(person.id, app, scopes=scopes)["access_token"])


@pytest.fixture
def tool() -> App:
    """An app of somebody else, which people let manage their keys and settings."""
    return protocol.register(scopes=SCOPES)


def test_what_an_apps_token_made_is_listed_with_the_app(call: Caller, alice: Person, tool: App) -> None:
    own = protocol.register(owner_id=alice.id, scopes=["workflows:read"])
    kept = webhook_endpoints.create(alice.user, webhook_wishes.Wish("Kept", "https://hooks.example.test/kept"))[0]
    api_keys.create(alice.user, Wish("Hers", "read_only"))
    token = token_of(alice, tool, SCOPES)
    assert call("POST", "/v1/api-keys", token, KEY).status == 201
    assert call("POST", "/v1/webhooks", token, HOOK).status == 201
    assert call("PATCH", f"/v1/webhooks/{kept.id}", token, {"url": "https://hooks.example.test/else"}).status == 200
    assert call("POST", f"/v1/clients/{own.id}/secrets", token, {}).status == 201
    made = call("POST", "/v1/clients", token, {"client_name": "Made", "scope": "workflows:read"})
    assert made.status == 201
    assert kinds(alice, tool) == ["app", "key", "secret", "webhook", "webhook"]
    assert kinds(alice, protocol.register(scopes=SCOPES)) == []


def test_what_its_keys_made_in_their_turn_is_listed_too(call: Caller, alice: Person, tool: App) -> None:
    tool = protocol.register(scopes=EVERYTHING)
    token = token_of(alice, tool, EVERYTHING)
    key = call("POST", "/v1/api-keys", token, {"name": "Made", "permission": "full_access"}).data["key"]
    assert call("POST", "/v1/webhooks", key, HOOK).status == 201
    assert call("POST", "/v1/api-keys", key, KEY).status == 201
    assert kinds(alice, tool) == ["key", "key", "webhook"]


def test_taking_everything_back_ends_what_is_chosen_and_no_more(
    call: Caller, alice: Person, bob: Person, tool: App
) -> None:
    values = {}
    for person in (alice, bob):
        token = token_of(person, tool, SCOPES)
        values[person.id] = [call("POST", "/v1/api-keys", token, KEY).data for _ in range(2)]
    first, second = values[alice.id]
    shown = {each.reference for each in app_makings.of(alice.user, [tool.id])}
    assert (
        app_makings.withdraw(alice.user, [tool.id], {f"key:{first['id']}", f"key:{values[bob.id][0]['id']}"}, shown)
        == 1
    )
    assert api_keys.check(first["key"], "127.0.0.1") is None
    assert all(api_keys.check(each["key"], "127.0.0.1") for each in (second, *values[bob.id]))
    with pytest.raises(NotFound):
        app_makings.withdraw(alice.user, [tool.id], (), ())


def test_through_the_api_a_grant_ends_with_what_its_app_made_where_that_is_asked(
    call: Caller, alice: Person, tool: App
) -> None:
    token = token_of(alice, tool, SCOPES)
    key = call("POST", "/v1/api-keys", token, KEY).data["key"]
    [grant] = call("GET", "/v1/grants", key_of(alice)).data
    assert call("DELETE", f"/v1/grants/{grant['id']}?end_made=true", key_of(alice)).status == 204
    assert inspection.inspect(token) is None and api_keys.check(key, "127.0.0.1") is None


def test_whoever_may_not_manage_keys_does_not_end_them_so(call: Caller, alice: Person, tool: App) -> None:
    token = token_of(alice, tool, SCOPES)
    key = call("POST", "/v1/api-keys", token, KEY).data["key"]
    [grant] = call("GET", "/v1/grants", key_of(alice)).data
    other = token_of(alice, protocol.register(scopes=["settings:manage"]), ["settings:manage"])
    assert call("DELETE", f"/v1/grants/{grant['id']}?end_made=true", other).status == 403
    assert inspection.inspect(token) is not None and api_keys.check(key, "127.0.0.1") is not None


def test_who_deletes_an_app_ends_what_it_made_for_anybody_if_they_are_an_administrator(
    call: Caller, ada: Person, alice: Person, bob: Person
) -> None:
    tool = protocol.register(owner_id=bob.id, scopes=SCOPES)
    key = call("POST", "/v1/api-keys", token_of(alice, tool, SCOPES), KEY).data["key"]
    path = f"/v1/clients/{tool.id}?end_made=true"
    assert call("DELETE", path, key_of(bob)).status == 403 and api_keys.check(key, "127.0.0.1")
    assert call("DELETE", path, key_of(ada)).status == 204 and api_keys.check(key, "127.0.0.1") is None


def test_what_was_made_with_a_leaked_token_ends_with_it(call: Caller, alice: Person, tool: App) -> None:
    before = token_of(alice, tool, SCOPES)
    token = token_of(alice, tool, SCOPES)
    key = call("POST", "/v1/api-keys", token, KEY).data["key"]
    leaks.report("no credential", "", ip="192.0.2.9")
    assert api_keys.check(key, "127.0.0.1")
    leaks.report(token, "a public repository", ip="192.0.2.9")
    assert inspection.inspect(token) is None and api_keys.check(key, "127.0.0.1") is None
    assert inspection.inspect(before) is not None


def test_a_block_ends_what_its_apps_made_for_anybody_where_that_is_asked(
    call: Caller, alice: Person, bob: Person
) -> None:
    with config.using(dataclasses.replace(config.current(), registration_scopes=tuple(SCOPES))):
        evil = protocol.register(
            name="Evil", scopes=SCOPES, self_registered=True, redirect_uris=["https://app.evil.example/cb"]
        )
        keys = [call("POST", "/v1/api-keys", token_of(each, evil, SCOPES), KEY).data["key"] for each in (alice, bob)]
        own = api_keys.create(alice.user, Wish("Hers", "read_only"))[1]
        blocked_apps.block("evil.example")
        assert all(api_keys.check(each, "127.0.0.1") for each in keys)
        assert app_makings.end_all_of_blocked() == 2
        assert not any(api_keys.check(each, "127.0.0.1") for each in keys) and api_keys.check(own, "127.0.0.1")


def test_what_an_administrators_app_gave_to_others_ends_with_it(call: Caller, ada: Person, alice: Person) -> None:
    tool = protocol.register(scopes=ADMIN, installation=True)
    token = token_of(ada, tool, ADMIN)
    invited = call("POST", "/v1/users", token, {"email": "eve@example.test", "role": "admin"})
    assert invited.status == 201, invited.json
    assert call("PATCH", f"/v1/users/{alice.id}", token, {"role": "admin"}).status == 200
    found = app_makings.of(ada.user, [tool.id])
    assert sorted(each.kind for each in found) == ["link", "person", "role"]
    app_makings.withdraw(ada.user, [tool.id], {each.reference for each in found}, ())
    assert users.get(alice.id).role == "user" and users.get(invited.data["id"]).disabled_at is not None


def test_webhooks_tell_by_which_app_only_whom_they_tell_who(call: Caller, alice: Person, tool: App) -> None:
    call("POST", "/v1/api-keys", token_of(alice, tool, SCOPES), KEY)
    with database.reading() as session:
        event = session.query(AuditEvent).filter_by(type="api_key.created").one()
    assert event.data["through"] == f"client:{tool.id}"
    assert "through" not in outbox.details(event.data, who=False)


def test_what_a_thief_made_by_a_key_of_theirs_for_others_is_disowned_with_it(
    call: Caller, ada: Person, alice: Person
) -> None:
    """An administrator's key makes people administrators: whoever says that the key was not theirs ends these, too."""
    now = clock.now()
    key = key_of(ada)
    invited = call("POST", "/v1/users", key, {"email": "eve@example.test", "role": "admin"})
    assert invited.status == 201, invited.json
    assert call("PATCH", f"/v1/users/{alice.id}", key, {"role": "admin"}).status == 200
    [row] = api_keys.page(ada.id)[0]
    api_keys.revoke(ada.id, row.id)  # as a thief does, who hides it
    listed = disowning.since(ada.user, now)
    assert {each.kind for each in listed} >= {"person", "role"}
    disowning.end(ada.user, {each.reference for each in listed}, now)
    assert users.get(alice.id).role == "user" and users.get(invited.data["id"]).disabled_at is not None


def test_a_key_that_waited_for_its_turn_to_be_written_is_listed(call: Caller, alice: Person, tool: App) -> None:
    made = call("POST", "/v1/api-keys", token_of(alice, tool, SCOPES), KEY).data["id"]
    with database.transaction() as session:
        session.get_one(ApiKey, made).created_at -= 5
    assert kinds(alice, tool) == ["key"]


def test_what_an_app_makes_while_its_person_reads_what_it_made_ends_unseen(
    call: Caller, alice: Person, tool: App
) -> None:
    token = token_of(alice, tool, SCOPES)
    kept = call("POST", "/v1/api-keys", token, KEY).data["key"]
    shown = {each.reference for each in app_makings.of(alice.user, [tool.id])}
    late = call("POST", "/v1/api-keys", token, KEY).data["key"]
    assert app_makings.withdraw(alice.user, [tool.id], (), shown) == 1
    assert api_keys.check(kept, "127.0.0.1") and api_keys.check(late, "127.0.0.1") is None


def test_however_much_an_app_made_and_changed_all_of_it_is_found_a_few_events_at_a_time(
    call: Caller, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hundreds of thousands of events of one person neither fill a worker nor one statement."""
    monkeypatch.setattr(app_makings, "_AT_ONCE", 2)
    tool = protocol.register(scopes=EVERYTHING)
    token = token_of(alice, tool, EVERYTHING)
    for _ in range(3):
        made = call("POST", "/v1/api-keys", token, {"name": "Made", "permission": "full_access"}).data
        assert call("PATCH", f"/v1/api-keys/{made['id']}", token, {"name": "Other"}).status == 200
        own = call("POST", "/v1/clients", made["key"], {"client_name": "Made", "scope": "workflows:read"}).data
        assert call("POST", f"/v1/clients/{own['client_id']}/secrets", made["key"], {}).status == 201
    assert kinds(alice, tool) == ["app"] * 3 + ["key"] * 3 + ["secret"] * 3
