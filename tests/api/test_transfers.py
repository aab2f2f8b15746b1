"""Apps that change hands over HTTP: what a former owner's secret, or a stolen key, is worth (contract 11.37, 11.38)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from authserver.domain.api_keys import keys as api_keys
from authserver.domain.clients import endings, transfers
from authserver.domain.grants import consents
from tests.api.conftest import Caller, key_of
from tests.conftest import Person
from tests.support import protocol

GIFT = ["settings:manage", "keys:manage", "workflows:read", "analytics:read"]
AS_ANOTHER: list[tuple[str, str, Any]] = [
    ("POST", "/v1/api-keys", {"name": "Mine", "permission": "read_only"}),
    ("GET", "/v1/api-keys", None),
    ("POST", "/v1/webhooks", {"name": "Mine", "url": "https://hooks.example.test/in"}),
    ("GET", "/v1/webhooks", None),
    ("POST", "/v1/clients", {"client_name": "Mine", "grant_types": ["client_credentials"], "scope": "keys:manage"}),
    ("GET", "/v1/clients", None),
    ("GET", "/v1/audit-events", None),
]


@pytest.mark.parametrize("method, path, body", AS_ANOTHER)
def test_a_former_owners_secret_does_nothing_in_the_new_owners_name(
    call: Caller, mallory: Person, ada: Person, method: str, path: str, body: Any
) -> None:
    app = protocol.register(owner_id=mallory.id, scopes=GIFT, grant_types=["client_credentials"])
    transfers.offer(mallory.user, app.id, ada.user)
    row, secret = transfers.accept(ada.user, app.id, "keep_24h")
    for own in (app, protocol.App(row.id, str(secret))):
        token = str(protocol.client_credentials(own).json["access_token"])
        assert call(method, path, token, body).error == (403, "SCOPE_INSUFFICIENT")
        assert call("GET", "/v1/me", token).status == 200
    assert not api_keys.page(ada.id)[0]


def test_an_administrators_app_that_two_can_open_makes_nobody_an_administrator(
    call: Caller, ada: Person, bob: Person, mallory: Person
) -> None:
    from authserver.domain.people import users

    users.set_role(bob.id, "admin")
    app = protocol.register(owner_id=ada.id, scopes=[*GIFT, "admin"], grant_types=["client_credentials"])
    transfers.offer(ada.user, app.id, users.get(bob.id))
    transfers.accept(users.get(bob.id), app.id, "keep_24h")
    token = str(protocol.client_credentials(app).json["access_token"])
    answer = call("PATCH", f"/v1/users/{mallory.id}", token, {"role": "admin"})
    assert answer.error == (403, "SCOPE_INSUFFICIENT") and not users.get(mallory.id).is_admin


def test_an_offer_ends_with_the_key_that_made_it(call: Caller, alice: Person, mallory: Person) -> None:
    app, own = protocol.register(owner_id=alice.id, scopes=["openid"]), key_of(alice)
    stolen = call("POST", "/v1/api-keys", own, {"name": "Stolen", "permission": "full_access"}).data
    assert call("POST", f"/v1/clients/{app.id}/transfer", stolen["key"], {"owner": mallory.id}).status == 201
    assert [each.client.id for each in transfers.waiting(mallory.id)] == [app.id]
    call("DELETE", f"/v1/api-keys/{stolen['id']}", own)
    answer = call("POST", f"/v1/clients/{app.id}/transfer/accept", key_of(mallory), {"former_credentials": "end"})
    assert answer.error == (404, "NOT_FOUND") and not transfers.waiting(mallory.id)


def test_an_offer_ends_with_the_consent_of_the_app_that_made_it(call: Caller, alice: Person, mallory: Person) -> None:
    app = protocol.register(owner_id=alice.id, scopes=["openid"])
    tool = protocol.register(scopes=["openid", "settings:manage"])
    token = str(protocol.tokens_for(alice.id, tool, scopes=["openid", "settings:manage"])["access_token"])
    assert call("POST", f"/v1/clients/{app.id}/transfer", token, {"owner": mallory.id}).status == 201
    assert [each.client.id for each in transfers.waiting(mallory.id)] == [app.id]
    consents.revoke(alice.id, tool.id)
    assert not transfers.waiting(mallory.id)
    answer = call("POST", f"/v1/clients/{app.id}/transfer/accept", key_of(mallory), {"former_credentials": "end"})
    assert answer.error == (404, "NOT_FOUND")


@pytest.mark.parametrize("ended", [endings.disable, endings.remove, endings.revoke_tokens])
def test_an_offer_ends_with_the_app_that_made_it_by_itself(
    call: Caller, alice: Person, mallory: Person, ended: Callable[[Any, str], object]
) -> None:
    app = protocol.register(owner_id=alice.id, scopes=["openid"])
    machine = protocol.register(owner_id=alice.id, scopes=GIFT, grant_types=["client_credentials"])
    stolen = str(protocol.client_credentials(machine).json["access_token"])
    assert call("POST", f"/v1/clients/{app.id}/transfer", stolen, {"owner": mallory.id}).status == 201
    assert [each.client.id for each in transfers.waiting(mallory.id)] == [app.id]
    ended(alice.user, machine.id)
    assert not transfers.waiting(mallory.id)
    refused = call("POST", f"/v1/clients/{app.id}/transfer/accept", key_of(mallory), {"former_credentials": "end"})
    assert refused.error == (404, "NOT_FOUND")
