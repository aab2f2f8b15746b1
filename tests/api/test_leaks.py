"""What a credential got and made ends with the credential once it is reported as leaked."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from authserver import database
from authserver.domain.clients import secrets as client_secrets
from authserver.domain.ground import mails
from authserver.domain.people import users
from authserver.models import Mail
from tests.api.conftest import Caller, key_of
from tests.conftest import Person
from tests.support import own_jwts, protocol
from tests.support.protocol import App


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"smtp_url": "smtp://127.0.0.1:1", "mail_from": "kaie@example.test"}


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
