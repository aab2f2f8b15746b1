"""What a credential got and made ends with the credential once it is reported as leaked."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from sqlalchemy import insert, inspect, select, text

from authserver import database
from authserver.domain.clients import endings, transfers
from authserver.domain.clients import secrets as client_secrets
from authserver.domain.ground import mails, one_time_links
from authserver.domain.people import addresses, departures, users
from authserver.domain.tokens import makings
from authserver.errors import NotFound
from authserver.lib import clock
from authserver.models import AuditEvent, Mail
from tests.api.conftest import Caller, key_of
from tests.conftest import Person
from tests.support import own_jwts, protocol, registering
from tests.support.protocol import App


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"smtp_url": "smtp://127.0.0.1:1", "mail_from": "kaie@example.test", "registration": "open"}


@pytest.fixture(autouse=True)
def _no_courier() -> None:
    mails.in_background(False)


def test_what_a_leaked_client_secret_got_ends_with_it(call: Caller, alice: Person) -> None:
    app = protocol.register(owner_id=alice.id)
    got = protocol.client_credentials(app, scope="workflows:read").json["access_token"]
    kept = protocol.tokens_for(alice.id, app)["refresh_token"]
    call("POST", "/v1/leaks", None, {"credential": app.secret})
    assert call("GET", "/v1/me", got).error == (401, "INVALID_TOKEN")
    again = App(app.id, client_secrets.rotate(None, app.id, 0).secret)
    assert protocol.refresh(again, kept).error == (400, "invalid_grant")


def test_what_a_leaked_key_made_ends_with_it(call: Caller, alice: Person) -> None:
    leaked, own = key_of(alice, "full_access"), key_of(alice, "full_access")
    made = call("POST", "/v1/api-keys", leaked, {"name": "Made", "permission": "full_access"}).data
    of_made = call("POST", f"/v1/api-keys/{made['id']}/rotate", made["key"], {"overlap_seconds": 0}).data
    scope = "keys:manage settings:manage"
    app = call("POST", "/v1/clients", of_made["key"], {"client_name": "Made", "scope": scope}).data
    machine = App(app["client_id"], app["client_secret"])
    got = protocol.client_credentials(machine, scope=scope).json["access_token"]
    hook = call("POST", "/v1/webhooks", got, {"name": "Made", "url": "https://hooks.example.test/in"}).data
    call("POST", "/v1/leaks", None, {"credential": leaked})
    assert call("GET", "/v1/me", of_made["key"]).error == (401, "INVALID_API_KEY")
    assert call("GET", "/v1/me", got).error == (401, "INVALID_TOKEN")
    assert protocol.client_credentials(machine).error == (401, "invalid_client")
    call("PATCH", f"/v1/clients/{machine.id}", own, {"disabled": False})  # its owner has looked at it
    assert protocol.client_credentials(machine).error == (401, "invalid_client")
    assert call("GET", f"/v1/webhooks/{hook['id']}", own).data["status"] == "paused"
    with database.reading() as session:
        assert "(4 in all)" in session.scalars(select(Mail)).one().body


def test_what_others_made_of_the_same_owner_outlives_a_leaked_key(call: Caller, alice: Person) -> None:
    leaked, own = key_of(alice, "full_access"), key_of(alice, "full_access")
    made = call("POST", "/v1/api-keys", own, {"name": "Made", "permission": "read_only"}).data
    app = call("POST", "/v1/clients", own, {"client_name": "Made", "scope": "workflows:read"}).data
    call("PATCH", f"/v1/clients/{app['client_id']}", leaked, {"description": "Words reach nobody."})
    call("POST", "/v1/leaks", None, {"credential": leaked})
    assert call("GET", "/v1/me", made["key"]).status == 200
    assert protocol.client_credentials(App(app["client_id"], app["client_secret"])).status == 200


def test_an_app_that_a_leaked_key_changed_is_switched_off(call: Caller, alice: Person) -> None:
    leaked, own = key_of(alice, "full_access"), key_of(alice, "full_access")
    app = call("POST", "/v1/clients", own, {"client_name": "Made", "scope": "workflows:read"}).data
    changed = {"jwks": own_jwts.key_set(own_jwts.pair())}
    call("PATCH", f"/v1/clients/{app['client_id']}", leaked, changed)
    call("POST", "/v1/leaks", None, {"credential": leaked})
    assert call("GET", f"/v1/clients/{app['client_id']}", own).data["disabled"]


def test_whom_a_leaked_key_made_an_administrator_is_one_no_more(
    call: Caller, ada: Person, bob: Person, mallory: Person
) -> None:
    leaked, own = key_of(ada, "full_access"), key_of(ada, "full_access")
    call("PATCH", f"/v1/users/{bob.id}", own, {"role": "admin"})
    call("PATCH", f"/v1/users/{mallory.id}", leaked, {"role": "admin"})
    made = call("POST", "/v1/users", leaked, {"email": "new@example.test", "role": "admin"}).data
    call("POST", "/v1/leaks", None, {"credential": leaked})
    roles = [users.get(each).role for each in (ada.id, bob.id, mallory.id, made["id"])]
    assert roles == ["admin", "admin", "user", "user"]


def test_whom_and_what_an_administrators_leaked_key_let_in_is_stopped_again(
    call: Caller, ada: Person, alice: Person, bob: Person, mallory: Person
) -> None:
    """An administrator of before comes back by it with all that they were, though nobody gave them a role."""
    leaked = key_of(ada, "full_access")
    for person in (alice, bob):
        users.set_role(person.id, "admin")
    users.disable(alice.id)
    departures.delete(bob.id)
    addresses.set_email_verified(mallory.id, False)
    app = protocol.register(installation=True)
    call("PATCH", f"/v1/users/{alice.id}", leaked, {"disabled": False})
    call("POST", f"/v1/users/{bob.id}/restore", leaked)
    call("PATCH", f"/v1/users/{mallory.id}", leaked, {"email_verified": True})
    call("PATCH", f"/v1/clients/{app.id}", leaked, {"introspect_all": True})
    assert users.get(alice.id).disabled_at is users.get(bob.id).disabled_at is None
    call("POST", "/v1/leaks", None, {"credential": leaked})
    assert users.get(alice.id).disabled_at and users.get(bob.id).disabled_at
    assert users.get(mallory.id).email_verified_at is None
    assert call("GET", f"/v1/clients/{app.id}", key_of(ada, "full_access")).data["disabled"]
    assert users.get(ada.id).disabled_at is None


def test_a_leaked_token_of_a_registration_changes_it_no_more(call: Caller) -> None:
    made = registering.register().json
    app = App(made["client_id"], made["client_secret"])
    assert call("POST", "/v1/leaks", None, {"credential": made["registration_access_token"]}).status == 202
    assert registering.manage("GET", made).error == (401, "invalid_token")
    assert registering.manage("DELETE", made).error == (401, "invalid_token")
    # The app goes on: its secret was not what leaked.
    assert protocol.exchange(app, "nonsense").error == (400, "invalid_grant")


def test_a_leaked_initial_access_token_registers_nothing_more(call: Caller, ada: Person) -> None:
    token = call("POST", "/v1/registration-tokens", key_of(ada), {"uses": 5}).data["token"]
    assert registering.register(token=token).status == 201
    assert call("POST", "/v1/leaks", None, {"credential": token, "found_at": "a paste"}).status == 202
    assert registering.register(token=token).error == (401, "invalid_token")
    with database.reading() as session:
        mail = session.scalars(select(Mail)).one()
    assert mail.user_id == ada.id and "apps are registered" in mail.body and "a paste" in mail.body


def test_a_leaked_secret_of_a_deleted_app_does_not_come_back_with_it(call: Caller, alice: Person) -> None:
    app = protocol.register(owner_id=alice.id)
    endings.remove(alice.user, app.id)
    call("POST", "/v1/leaks", None, {"credential": app.secret})
    endings.restore(alice.user, app.id)
    assert protocol.client_credentials(app).error == (401, "invalid_client")


def test_what_an_administrators_leaked_key_made_for_others_ends_with_it(
    call: Caller, ada: Person, alice: Person
) -> None:
    leaked = key_of(ada, "full_access")
    hers, ours = protocol.register(owner_id=alice.id), protocol.register()
    secrets = [
        call("POST", f"/v1/clients/{each.id}/secrets", leaked, {}).data["client_secret"] for each in (hers, ours)
    ]
    led_away = protocol.register(owner_id=alice.id, scopes=["openid"])
    call("PATCH", f"/v1/clients/{led_away.id}", leaked, {"redirect_uris": ["https://evil.example/cb"]})
    hook = call("POST", "/v1/webhooks", key_of(alice), {"name": "Hers", "url": "https://hooks.example.test/in"}).data
    call("PATCH", f"/v1/webhooks/{hook['id']}", leaked, {"url": "https://evil.example/in"})
    token = call("POST", "/v1/registration-tokens", leaked, {"uses": 5}).data["token"]
    call("POST", "/v1/leaks", None, {"credential": leaked})
    for app, secret in zip((hers, ours), secrets, strict=True):
        assert protocol.client_credentials(App(app.id, secret)).error == (401, "invalid_client")
    assert call("GET", f"/v1/clients/{led_away.id}", key_of(alice)).data["disabled"]
    assert call("GET", f"/v1/webhooks/{hook['id']}", key_of(alice)).data["status"] == "paused"
    assert registering.register(token=token).error == (401, "invalid_token")


def test_what_a_key_set_up_for_others_long_before_it_leaked_stays(
    call: Caller, ada: Person, alice: Person, bob: Person
) -> None:
    """One that has made everything here for years takes it not along: whoever finds it would stop the installation."""
    with time_machine.travel(clock.now() - 40 * 86_400):
        leaked = key_of(ada, "full_access", expires_in=None)
        hers, her_lately = protocol.register(owner_id=alice.id), protocol.register(owner_id=alice.id)
        secret = call("POST", f"/v1/clients/{hers.id}/secrets", leaked, {}).data["client_secret"]
        call("PATCH", f"/v1/clients/{hers.id}", leaked, {"redirect_uris": ["https://hers.example/cb"]})
        call("PATCH", f"/v1/users/{bob.id}", leaked, {"role": "developer"})
        own = call(
            "POST", "/v1/clients", leaked, {"client_name": "Own", "redirect_uris": ["https://own.example/cb"]}
        ).data
        key = call("POST", "/v1/api-keys", leaked, {"name": "CI", "permission": "read_only", "expires_in": None}).data
    call("PATCH", f"/v1/clients/{her_lately.id}", leaked, {"redirect_uris": ["https://evil.example/cb"]})
    call("POST", "/v1/leaks", None, {"credential": leaked})
    assert protocol.client_credentials(App(hers.id, secret)).status == 200 and users.get(bob.id).role == "developer"
    stopped = {each: call("GET", f"/v1/clients/{each}", key_of(ada)).data["disabled"] for each in
               (hers.id, her_lately.id, own["client_id"])}  # fmt: skip
    assert stopped == {hers.id: False, her_lately.id: True, own["client_id"]: True}
    assert call("GET", "/v1/me", key["key"]).status == 401, "what is its owner's ends whenever it was made"
    with database.reading() as session:
        body = session.scalars(select(Mail)).one().body
    assert "(4 in all)" in body and "(2 in all)" in body


def test_what_an_app_set_up_with_an_earlier_secret_stays(call: Caller, ada: Person, alice: Person) -> None:
    app = protocol.register(scopes=["admin"], grant_types=["client_credentials"])
    got = protocol.client_credentials(app).json["access_token"]
    call("PATCH", f"/v1/users/{alice.id}", got, {"role": "developer"})
    with time_machine.travel(clock.now() + 60):
        secret = client_secrets.rotate(None, app.id, 0).secret
        call("POST", "/v1/leaks", None, {"credential": secret})
    assert users.get(alice.id).role == "developer"


def test_a_link_that_a_leaked_key_was_told_opens_no_account(call: Caller, ada: Person) -> None:
    leaked, own = key_of(ada, "full_access"), key_of(ada, "full_access")
    links = [
        call("POST", "/v1/users", key, {"email": email}).data["welcome_link"].rpartition("/")[2]
        for key, email in ((leaked, "a@example.test"), (own, "b@example.test"))
    ]
    call("POST", "/v1/leaks", None, {"credential": leaked})
    with pytest.raises(NotFound):
        one_time_links.look(links[0], "welcome")
    assert one_time_links.look(links[1], "welcome").user.email == "b@example.test"


def test_what_the_installations_leaked_secret_made_ends_with_it(call: Caller, ada: Person, mallory: Person) -> None:
    app = protocol.register(scopes=["admin"], grant_types=["client_credentials"])
    got = protocol.client_credentials(app).json["access_token"]
    assert call("PATCH", f"/v1/users/{mallory.id}", got, {"role": "admin"}).status == 200
    token = call("POST", "/v1/registration-tokens", got, {}).data["token"]
    call("POST", "/v1/leaks", None, {"credential": app.secret})
    assert users.get(mallory.id).role == "user"
    assert registering.register(token=token).error == (401, "invalid_token")


def test_whom_a_leaked_secret_made_a_developer_is_one_no_more(call: Caller, ada: Person, mallory: Person) -> None:
    app = protocol.register(scopes=["admin"], grant_types=["client_credentials"])
    got = protocol.client_credentials(app).json["access_token"]
    assert call("PATCH", f"/v1/users/{mallory.id}", got, {"role": "developer"}).status == 200
    call("POST", "/v1/leaks", None, {"credential": app.secret})
    assert users.get(mallory.id).role == "user"


def test_what_an_app_made_for_whoever_owned_it_before_stays(call: Caller, alice: Person, bob: Person) -> None:
    app = protocol.register(owner_id=alice.id, scopes=["keys:manage", "workflows:read", "analytics:read"])
    token = protocol.client_credentials(app).json["access_token"]
    hers = call("POST", "/v1/api-keys", token, {"name": "Hers", "permission": "read_only"}).data["key"]
    transfers.offer(alice.user, app.id, bob.user)
    _, secret = transfers.accept(bob.user, app.id, "end")
    call("POST", "/v1/leaks", None, {"credential": secret})
    assert call("GET", "/v1/me", hers).status == 200


@pytest.mark.long_more
def test_however_many_keys_a_leaked_one_made_and_ended_it_ends_with_them_and_keeps_no_administrator_waiting(
    call: Caller, alice: Person, ada: Person
) -> None:
    """More makers than a statement takes parameters: a thief makes and ends keys until nobody can follow."""
    leaked = key_of(alice, "full_access")
    made = call("POST", "/v1/api-keys", leaked, {"name": "Made", "permission": "read_only"}).data
    with database.transaction() as session:
        event = session.scalars(select(AuditEvent).where(AuditEvent.target == f"key:{made['id']}")).one()
        facts = {each.key: getattr(event, each.key) for each in inspect(AuditEvent).columns}
        many = [facts | {"seq": 10_000 + n, "target": f"key:key_{n}"} for n in range(70_000)]
        session.execute(insert(AuditEvent), many)
        session.execute(text("ANALYZE audit_events"))  # as a database does by itself before long
    with database.reading() as session:
        assert not makings._administered(session, alice.user) and makings._administered(session, ada.user)
    assert call("POST", "/v1/leaks", None, {"credential": leaked}).status == 202
    assert call("GET", "/v1/me", leaked).status == 401 and call("GET", "/v1/me", made["key"]).status == 401
