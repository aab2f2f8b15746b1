"""/v1/clients: RFC 7591 names, secrets that rotate, and nothing beyond one's own scopes."""

from __future__ import annotations

from typing import Any

import pytest

from authserver.domain.ground import throttle
from tests.api.conftest import Caller, key_of, token_of
from tests.conftest import Person
from tests.support import own_jwts, protocol
from tests.support.protocol import App

WEB = {
    "client_name": "Reports",
    "redirect_uris": ["https://reports.example/callback"],
    "scope": "openid workflows:read",
}


def made_by(call: Caller, key: str, **members: Any) -> Any:
    return call("POST", "/v1/clients", key, {**WEB, **members}).data


def test_a_client_is_registered_in_the_words_of_rfc_7591(call: Caller, alice: Person) -> None:
    answer = call("POST", "/v1/clients", key_of(alice), WEB)
    made = answer.data
    assert answer.status == 201 and answer.headers["Location"] == f"/v1/clients/{made['client_id']}"
    assert made["client_secret"] and made["client_secret_expires_at"] == 0
    assert (made["client_name"], made["scope"], made["kind"]) == ("Reports", "openid workflows:read", "web")
    assert made["grant_types"] == ["authorization_code", "refresh_token"] and made["response_types"] == ["code"]
    assert "client_secret" not in call("GET", f"/v1/clients/{made['client_id']}", key_of(alice)).data


def test_its_secret_works(call: Caller, alice: Person) -> None:
    made = made_by(call, key_of(alice), redirect_uris=[], grant_types=["client_credentials"], scope="workflows:read")
    reply = protocol.client_credentials(App(made["client_id"], made["client_secret"]))
    assert reply.json["scope"] == "workflows:read"


def test_a_public_client_has_no_secret(call: Caller, alice: Person) -> None:
    made = made_by(call, key_of(alice), token_endpoint_auth_method="none")
    assert "client_secret" not in made
    answer = call("POST", f"/v1/clients/{made['client_id']}/secrets", key_of(alice), {})
    assert answer.error == (409, "CONFLICT")


def test_a_credential_gives_no_app_what_it_lacks(call: Caller, alice: Person) -> None:
    token = token_of(alice, "settings:manage", "workflows:read")
    assert call("POST", "/v1/clients", token, WEB).status == 201
    refused = call("POST", "/v1/clients", token, {**WEB, "scope": "workflows:read workflows:write"})
    assert refused.error == (422, "VALIDATION_FAILED")
    assert set(refused.json["error"]["problems"]) == {"scope"}


def test_a_credential_renews_and_edits_no_app_that_can_do_more(call: Caller, alice: Person) -> None:
    made = made_by(call, key_of(alice), scope="workflows:delete")
    token, path = token_of(alice, "settings:manage"), f"/v1/clients/{made['client_id']}"
    assert call("POST", f"{path}/secrets", token, {}).error == (422, "VALIDATION_FAILED")
    assert call("PATCH", path, token, {"redirect_uris": ["https://evil.example/"]}).error == (422, "VALIDATION_FAILED")
    assert call("PATCH", path, token, {"scope": "openid"}).error == (422, "VALIDATION_FAILED")


@pytest.mark.parametrize(
    "members", [{"skip_consent": True}, {"introspect_all": True},
                {"resource_server_for": ["https://api.example"]}, {"scope": "admin"}, {"scope": "introspect"}],
)  # fmt: skip
def test_what_administrators_give_is_not_for_owners(call: Caller, alice: Person, members: dict[str, Any]) -> None:
    assert call("POST", "/v1/clients", key_of(alice), {**WEB, **members}).error == (422, "VALIDATION_FAILED")


def test_an_administrators_token_without_admin_gives_no_privilege(call: Caller, ada: Person) -> None:
    token = token_of(ada, "settings:manage", "workflows:read")
    assert call("POST", "/v1/clients", token, {**WEB, "introspect_all": True}).status == 422
    assert call("POST", "/v1/clients", key_of(ada), {**WEB, "introspect_all": True}).status == 201


def test_an_app_that_checks_every_credential_is_renewed_and_edited_only_by_one_that_may_do_so(
    call: Caller, ada: Person
) -> None:
    made = made_by(call, key_of(ada), introspect_all=True)
    path, token = f"/v1/clients/{made['client_id']}", token_of(ada, "settings:manage", "workflows:read")
    assert call("POST", f"{path}/secrets", token, {}).error == (422, "VALIDATION_FAILED")
    assert call("PATCH", path, token, {"jwks_uri": "https://evil.example/keys"}).error == (422, "VALIDATION_FAILED")
    assert call("POST", f"{path}/secrets", key_of(ada), {}).status == 201


def test_patch_changes_what_is_sent_and_keeps_the_rest(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    made = made_by(call, key, contacts=["ops@reports.example"], vendor_note="abc")
    path = f"/v1/clients/{made['client_id']}"
    changed = call("PATCH", path, key, {"client_name": "Figures", "contacts": None}).data
    assert changed["client_name"] == "Figures" and "contacts" not in changed
    assert changed["redirect_uris"] == WEB["redirect_uris"] and changed["vendor_note"] == "abc"
    assert call("PATCH", path, key, call("GET", path, key).data).data == {
        **changed,
        "updated_at": call("GET", path, key).data["updated_at"],
    }


def test_if_match_keeps_two_editors_apart(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    path = f"/v1/clients/{made_by(call, key)['client_id']}"
    etag = call("GET", path, key).headers["ETag"]
    assert call("PATCH", path, key, {"client_name": "One"}, If_Match=etag).status == 200
    assert call("PATCH", path, key, {"client_name": "Two"}, If_Match=etag).error == (409, "CONFLICT")
    assert call("PATCH", path, key, {"client_name": "Two"}, If_Match="wrong").error == (400, "INVALID_REQUEST")


def test_a_disabled_client_gets_no_tokens(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    made = made_by(call, key, redirect_uris=[], grant_types=["client_credentials"])
    path, app = f"/v1/clients/{made['client_id']}", App(made["client_id"], made["client_secret"])
    assert call("PATCH", path, key, {"disabled": True}).data["disabled"] is True
    assert protocol.client_credentials(app).error == (401, "invalid_client")
    assert call("PATCH", path, key, {"disabled": False}).data["disabled"] is False
    assert protocol.client_credentials(app).status == 200


def test_secrets_rotate_with_an_overlap_and_end_one_by_one(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    made = made_by(call, key, redirect_uris=[], grant_types=["client_credentials"])
    path = f"/v1/clients/{made['client_id']}/secrets"
    fresh = call("POST", path, key, {"overlap_seconds": 600})
    assert fresh.status == 201 and fresh.data["previous_ends_at"]
    for secret in (made["client_secret"], fresh.data["client_secret"]):
        assert protocol.client_credentials(App(made["client_id"], secret)).status == 200
    assert call("POST", path, key, {}).error == (409, "CONFLICT")
    old = next(row["id"] for row in call("GET", path, key).data if row["id"] != fresh.data["id"])
    assert call("DELETE", f"{path}/{old}", key).status == 204
    assert protocol.client_credentials(App(made["client_id"], made["client_secret"])).status == 401
    assert call("DELETE", f"{path}/{fresh.data['id']}", key).error == (409, "CONFLICT")


def test_a_deleted_client_is_not_found(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    path = f"/v1/clients/{made_by(call, key)['client_id']}"
    assert call("DELETE", path, key).status == 204
    assert call("GET", path, key).error == (404, "NOT_FOUND")


def test_a_stranger_finds_nothing(call: Caller, alice: Person, mallory: Person, ada: Person) -> None:
    path, key = f"/v1/clients/{made_by(call, key_of(alice))['client_id']}", key_of(mallory)
    for method, more, body in (
        ("GET", "", None), ("PATCH", "", {"client_name": "Mine"}), ("DELETE", "", None), ("GET", "/secrets", None),
        ("POST", "/secrets", {}), ("DELETE", "/secrets/cs_1", None),
    ):  # fmt: skip
        assert call(method, path + more, key, body).error == (404, "NOT_FOUND")
    token = token_of(ada, "settings:manage", "workflows:read")
    assert call("GET", path, token).status == 404  # an administrator, and a token that is none
    assert call("GET", path, key_of(ada)).status == 200


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"client_name": None}, "client_name"), ({"client_name": ""}, "client_name"),
        ({"redirect_uris": ["http://evil.example/"]}, "redirect_uris.0"),
        ({"redirect_uris": "https://a.example/"}, "redirect_uris"), ({"scope": "no:such"}, "scope"),
        ({"grant_types": ["password"]}, "grant_types"), ({"response_types": ["token"]}, "response_types"),
        ({"client_uri": "javascript:alert(1)"}, "client_uri"), ({"jwks": {"keys": []}}, "jwks"),
    ],
)  # fmt: skip
def test_a_registration_that_breaks_a_rule_is_named_as_it_was_sent(
    call: Caller, alice: Person, members: dict[str, Any], named: str
) -> None:
    answer = call("POST", "/v1/clients", key_of(alice), {**WEB, **members})
    assert answer.error == (422, "VALIDATION_FAILED")
    assert named in answer.json["error"]["problems"]


@pytest.mark.parametrize(
    ("bounds", "named"),
    [
        ({"allowed_networks": ("127.0.0.0/8",)}, "works from 127.0.0.0/8 only"),
        ({"rate_limit": "50/hour"}, "limit of its own, 50/hour"),
        ({"expires_in": 3600}, "made for less than 30 days"),
    ],
)
def test_a_restricted_credential_makes_no_client_that_knows_no_restriction(
    call: Caller, alice: Person, bounds: dict[str, Any], named: str
) -> None:
    path = f"/v1/clients/{made_by(call, key_of(alice))['client_id']}"
    restricted = key_of(alice, **bounds)
    for method, where, body in (
        ("POST", "/v1/clients", WEB), ("POST", f"{path}/secrets", {}),
        ("PATCH", path, {"jwks_uri": "https://reports.example/keys"}),
    ):  # fmt: skip
        refused = call(method, where, restricted, body)
        assert refused.error == (403, "INSUFFICIENT_PERMISSIONS")
        assert named in refused.json["error"]["details"]
    assert call("PATCH", path, restricted, {"client_name": "Reports 2"}).status == 200


def test_an_app_with_a_small_limit_makes_no_app_with_a_large_one(call: Caller, alice: Person) -> None:
    app = protocol.register(scopes=["settings:manage"], owner_id=alice.id, rate_limit="5/hour")
    token = str(protocol.client_credentials(app).json["access_token"])
    refused = call("POST", "/v1/clients", token, {"client_name": "More", "grant_types": ["client_credentials"]})
    assert refused.error == (403, "SCOPE_INSUFFICIENT")


def test_keys_of_a_set_that_are_not_kept_are_named(call: Caller, alice: Person) -> None:
    good = own_jwts.public(own_jwts.pair())
    both = {"keys": [good, good | {"use": "enc", "kid": "enc-1"}]}
    made = made_by(call, key_of(alice), jwks=both)
    assert made["jwks"] == {"keys": [good]}
    assert made["ignored_keys"] == ["Key 2 is ignored. The key is not meant for signatures."]
    path = f"/v1/clients/{made['client_id']}"
    assert "ignored_keys" not in call("GET", path, key_of(alice)).data
    assert call("PATCH", path, key_of(alice), {"jwks": both}).data["ignored_keys"] == made["ignored_keys"]
    assert "ignored_keys" not in call("PATCH", path, key_of(alice), {"client_name": "Other"}).data


def test_a_change_that_is_refused_in_part_changes_nothing(call: Caller, ada: Person, alice: Person) -> None:
    key = key_of(alice)
    path = f"/v1/clients/{made_by(call, key)['client_id']}"
    call("PATCH", path, key_of(ada), {"disabled": True})
    answer = call("PATCH", path, key, {"client_name": "Renamed", "disabled": False})
    assert answer.error == (403, "INSUFFICIENT_PERMISSIONS")
    assert call("GET", path, key).data["client_name"] == WEB["client_name"]


def test_offers_are_counted_whether_there_is_such_a_person_or_not(call: Caller, mallory: Person, bob: Person) -> None:
    app, key = protocol.register(owner_id=mallory.id), key_of(mallory)
    path = f"/v1/clients/{app.id}/transfer"
    for number in range(throttle.OFFERS_PER_PERSON):
        owner = bob.email if number % 2 else f"n{number}@example.test"
        assert call("POST", path, key, {"owner": owner}).status == (201 if number % 2 else 422)
    for owner in (bob.email, bob.id, "nobody@example.test"):
        refused = call("POST", path, key, {"owner": owner})
        assert refused.error == (429, "RATE_LIMIT_EXCEEDED")
        assert int(refused.headers["Retry-After"]) > 0


def test_no_token_gives_an_app_the_reading_of_the_account_that_it_lacks(call: Caller, alice: Person) -> None:
    token, scope = token_of(alice, "settings:manage"), "settings:manage account"
    machine = {"client_name": "Own", "grant_types": ["client_credentials"], "scope": "settings:manage"}
    assert call("POST", "/v1/clients", token, {**machine, "scope": scope}).error == (422, "VALIDATION_FAILED")
    made = call("POST", "/v1/clients", token, machine).data["client_id"]
    assert call("PATCH", f"/v1/clients/{made}", token, {"scope": scope}).error == (422, "VALIDATION_FAILED")
    has_it = protocol.register(owner_id=alice.id, scopes=scope.split(), grant_types=["client_credentials"])
    assert call("POST", f"/v1/clients/{has_it.id}/secrets", token, {}).error == (422, "VALIDATION_FAILED")
    for may in (token_of(alice, "settings:manage", "account"), key_of(alice)):
        own = call("POST", "/v1/clients", may, {**machine, "scope": scope}).data
        read = protocol.client_credentials(protocol.App(own["client_id"], own["client_secret"])).json["access_token"]
        assert call("GET", "/v1/audit-events", read).status == 200
