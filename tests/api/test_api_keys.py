"""/v1/api-keys: whoever holds keys:manage, never beyond their own scopes."""

from __future__ import annotations

import dataclasses
import json

import pytest
import time_machine

from authserver import database
from authserver.domain.access import leftovers, permissions
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.people import standard_claims, users
from authserver.lib import clock, durations
from authserver.models import ApiKey
from tests.api.conftest import Caller, client_token, key_of, token_of
from tests.conftest import Person
from tests.support import protocol
from tests.support.tables import rows

DAY = 86_400
WISH = {"name": "CI", "permission": "read_only"}


def test_a_key_makes_a_key_which_is_shown_once(call: Caller, alice: Person) -> None:
    answer = call("POST", "/v1/api-keys", key_of(alice), WISH)
    assert answer.status == 201
    made = answer.data
    assert made["key"].startswith(made["prefix"]) and made["permission"] == "read_only"
    assert made["scopes"] == ["workflows:read", "analytics:read"] and made["expires_at"]
    assert answer.headers["Location"] == f"/v1/api-keys/{made['id']}"
    assert "key" not in call("GET", f"/v1/api-keys/{made['id']}", key_of(alice)).data
    assert call("GET", "/v1/me", made["key"]).data["permission"] == "read_only"


def test_null_means_that_it_never_expires(call: Caller, alice: Person) -> None:
    key = key_of(alice, expires_in=None)
    assert call("POST", "/v1/api-keys", key, {**WISH, "expires_in": None}).data["expires_at"] is None


@pytest.mark.parametrize("permission", ["read_write", "full_access"])
def test_a_token_makes_no_key_beyond_its_own_scopes(call: Caller, alice: Person, permission: str) -> None:
    token = token_of(alice, "keys:manage", "workflows:read", "analytics:read")
    assert call("POST", "/v1/api-keys", token, WISH).status == 201
    refused = call("POST", "/v1/api-keys", token, {**WISH, "permission": permission})
    assert refused.error == (422, "VALIDATION_FAILED")


def test_an_administrators_token_without_admin_makes_no_key_with_it(call: Caller, ada: Person) -> None:
    own = token_of(ada, "keys:manage", "workflows:read", "workflows:write", "workflows:delete", "analytics:read",
                   "triggers:write", "integrations:write", "settings:manage")  # fmt: skip
    assert call("POST", "/v1/api-keys", own, {**WISH, "permission": "full_access"}).status == 422


@pytest.mark.parametrize(
    ("limit", "status"),
    [
        ("1000/hour", 201), ("10/minute", 201), ("1000/day", 201), ("1001/hour", 422), ("17/minute", 422),
        ("1/second", 422), ("24000/day", 422), ("1001/day", 422),
    ],
)  # fmt: skip
def test_a_credential_makes_no_key_with_a_higher_limit_than_its_own(
    call: Caller, alice: Person, ada: Person, limit: str, status: int
) -> None:
    own, wish = key_of(alice, rate_limit="1000/hour"), {**WISH, "rate_limit": limit}
    assert call("POST", "/v1/api-keys", own, wish).status == status
    assert call("POST", "/v1/api-keys", key_of(ada), {**WISH, "rate_limit": limit}).status == 201


HERE = ("127.0.0.0/8", "10.0.0.0/8")
BOUNDS: dict[str, object] = {"rate_limit": "50/hour", "allowed_networks": HERE, "expires_in": 3600}


def test_what_a_bounded_key_leaves_out_is_inherited(call: Caller, alice: Person) -> None:
    own = key_of(alice, **BOUNDS)
    made = call("POST", "/v1/api-keys", own, WISH).data
    assert (made["rate_limit"], tuple(made["allowed_networks"])) == ("50/hour", HERE)
    assert made["expires_at"] <= call("GET", "/v1/me", own).data["expires_at"]
    grandchild = call("POST", "/v1/api-keys", made["key"], WISH)
    assert grandchild.error == (403, "INSUFFICIENT_PERMISSIONS")  # it is Read Only


@pytest.mark.parametrize(
    ("beyond", "named"),
    [
        ({"expires_in": None}, ("ends at", "for ever")), ({"expires_in": 7200}, ("ends at", "until")),
        ({"rate_limit": "51/hour"}, ("50/hour", "51/hour")), ({"rate_limit": "1200/day"}, ("50/hour", "1200/day")),
        ({"allowed_networks": []}, ("10.0.0.0/8", "any address")),
        ({"allowed_networks": ["10.0.0.0/7"]}, ("10.0.0.0/8", "10.0.0.0/7")),
        ({"allowed_networks": ["10.1.0.0/16", "192.0.2.1"]}, ("10.0.0.0/8", "192.0.2.1")),
        ({"allowed_networks": ["::/0"]}, ("10.0.0.0/8", "::/0")),
    ],
)  # fmt: skip
def test_a_bounded_key_makes_no_key_beyond_its_bounds(
    call: Caller, alice: Person, ada: Person, beyond: dict[str, object], named: tuple[str, ...]
) -> None:
    for person in (alice, ada):  # an administrator's key is bounded by what it was given, too
        refused = call("POST", "/v1/api-keys", key_of(person, **BOUNDS), {**WISH, **beyond})
        assert refused.error == (422, "VALIDATION_FAILED")
        problem = refused.json["error"]["problems"][next(iter(beyond))]
        assert all(each in problem for each in named)


def test_the_usual_life_of_a_key_bounds_none_that_it_makes(call: Caller, alice: Person) -> None:
    own = key_of(alice, expires_in=api_keys.DEFAULT_LIFETIME)
    assert call("POST", "/v1/api-keys", own, {**WISH, "expires_in": None}).data["expires_at"] is None


def test_a_bounded_key_makes_keys_inside_its_bounds(call: Caller, alice: Person) -> None:
    inside = {"rate_limit": "40/hour", "allowed_networks": ["10.1.0.0/16"], "expires_in": 60}
    made = call("POST", "/v1/api-keys", key_of(alice, **BOUNDS), {**WISH, **inside}).data
    assert made["rate_limit"] == "40/hour" and made["allowed_networks"] == ["10.1.0.0/16"]


def left(call: Caller, key: str) -> int:
    return int(call("GET", "/v1/me", key).headers["X-RateLimit-Remaining"])


def test_what_a_limited_key_makes_or_rotates_counts_with_it(call: Caller, alice: Person) -> None:
    own = key_of(alice, rate_limit="50/hour")
    made = call("POST", "/v1/api-keys", own, {**WISH, "permission": "full_access"}).data
    further = call("POST", "/v1/api-keys", made["key"], {**WISH, "rate_limit": "40/hour"}).data
    path = f"/v1/api-keys/{call('GET', '/v1/me', own).data['key_id']}/rotate"
    again = call("POST", path, own, {"overlap_seconds": 0}).data
    assert (left(call, again["key"]), left(call, made["key"]), left(call, further["key"])) == (45, 44, 33)


def test_a_key_that_counts_with_a_limited_one_begins_its_window_anew_by_no_other_length(
    call: Caller, alice: Person
) -> None:
    own = key_of(alice, rate_limit="100/hour")  # 60 an hour are within it
    other = {**WISH, "rate_limit": "1/minute"}
    assert call("POST", "/v1/api-keys", own, other).error == (422, "VALIDATION_FAILED")
    path = f"/v1/api-keys/{call('GET', '/v1/me', own).data['key_id']}"
    assert call("PATCH", path, own, {"rate_limit": "1/minute"}).error == (422, "VALIDATION_FAILED")


def test_keys_that_an_apps_token_makes_count_with_it_in_the_limit_that_the_app_was_given(
    call: Caller, alice: Person
) -> None:
    names = ["workflows:read", "analytics:read", "keys:manage"]
    app = protocol.register(rate_limit="20/hour", scopes=names)
    token = protocol.tokens_for(alice.id, app, scopes=names)["access_token"]
    made = [call("POST", "/v1/api-keys", token, WISH).data for _ in range(2)]
    assert [left(call, each["key"]) for each in made] == [17, 16], "two went into making them"
    assert left(call, token) == 15


def test_a_key_whose_limit_its_owner_chooses_counts_alone(call: Caller, alice: Person) -> None:
    own = key_of(alice, rate_limit="50/hour")
    made = call("POST", "/v1/api-keys", own, WISH).data
    api_keys.set_limit(alice.id, made["id"], "10/minute")
    assert left(call, made["key"]) == 9 and left(call, own) == 48


@pytest.mark.parametrize("bound", sorted(BOUNDS))
def test_a_bounded_key_rotates_no_unbounded_one(call: Caller, alice: Person, bound: str) -> None:
    free = api_keys.create(alice.user, api_keys.Wish("Free", "read_only", expires_in=None))[0]
    refused = call("POST", f"/v1/api-keys/{free.id}/rotate", key_of(alice, **{bound: BOUNDS[bound]}), {})
    assert refused.error == (422, "VALIDATION_FAILED")


@pytest.mark.parametrize("bound", ["rate_limit", "allowed_networks"])
def test_nothing_that_a_bounded_key_rotates_outlives_it(call: Caller, alice: Person, bound: str) -> None:
    with time_machine.travel(clock.now(), tick=False) as moment:
        wish = dataclasses.replace(
            api_keys.Wish("Bounded", "full_access", expires_in=40 * DAY), **{bound: BOUNDS[bound]}
        )
        row, key = api_keys.create(alice.user, wish)
        lasting = api_keys.create(alice.user, dataclasses.replace(wish, expires_in=3000 * DAY))[0]
        refused = call("POST", f"/v1/api-keys/{lasting.id}/rotate", key, {})
        assert refused.error == (422, "VALIDATION_FAILED") and "ends at" in str(refused.json)
        moment.shift(10 * DAY)
        made = call("POST", f"/v1/api-keys/{row.id}/rotate", key, {"overlap_seconds": 0}).data
        assert made["expires_at"] == durations.iso(row.expires_at or 0)


def test_a_rotated_key_lives_on_for_the_overlap(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    old = call("POST", "/v1/api-keys", key, WISH).data
    new = call("POST", f"/v1/api-keys/{old['id']}/rotate", key, {"overlap_seconds": 600})
    assert new.status == 201 and new.data["id"] != old["id"]
    assert call("GET", "/v1/me", old["key"]).status == call("GET", "/v1/me", new.data["key"]).status == 200
    assert call("GET", f"/v1/api-keys/{old['id']}", key).data["status"] == "rotated"


def test_without_an_overlap_the_old_key_stops_at_once(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    old = call("POST", "/v1/api-keys", key, WISH).data
    assert call("POST", f"/v1/api-keys/{old['id']}/rotate", key, {"overlap_seconds": 0}).status == 201
    assert call("GET", "/v1/me", old["key"]).error == (401, "INVALID_API_KEY")


def test_a_weaker_credential_rotates_no_stronger_key(call: Caller, alice: Person) -> None:
    strong = api_keys.create(alice.user, api_keys.Wish("Strong", "full_access"))[0]
    token = token_of(alice, "keys:manage")
    assert call("POST", f"/v1/api-keys/{strong.id}/rotate", token, {}).error == (422, "VALIDATION_FAILED")


def test_a_deleted_key_is_refused(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    made = call("POST", "/v1/api-keys", key, WISH).data
    assert call("DELETE", f"/v1/api-keys/{made['id']}", key).status == 204
    assert call("GET", "/v1/me", made["key"]).error == (401, "INVALID_API_KEY")


def test_nobody_reaches_a_strangers_key(call: Caller, alice: Person, mallory: Person) -> None:
    hers = call("POST", "/v1/api-keys", key_of(alice), WISH).data["id"]
    key = key_of(mallory)
    for method, path, body in (("GET", "", None), ("DELETE", "", None), ("POST", "/rotate", {})):
        assert call(method, f"/v1/api-keys/{hers}{path}", key, body).error == (404, "NOT_FOUND")
    assert all(row["owner_id"] == mallory.id for row in call("GET", "/v1/api-keys", key).data)


def test_other_peoples_keys_need_admin(call: Caller, alice: Person, mallory: Person, ada: Person) -> None:
    key_of(alice)
    for asked in (alice.id, "all"):
        refused = call("GET", f"/v1/api-keys?owner={asked}", key_of(mallory))
        assert refused.error == (403, "INSUFFICIENT_PERMISSIONS")
        assert refused.headers["WWW-Authenticate"].startswith("Bearer ")
    listed = call("GET", f"/v1/api-keys?owner={alice.id}", key_of(ada)).data
    assert {row["owner_id"] for row in listed} == {alice.id}


def test_an_administrator_takes_over_nobodys_key(call: Caller, alice: Person, ada: Person) -> None:
    hers = call("POST", "/v1/api-keys", key_of(alice), WISH).data["id"]
    assert call("POST", f"/v1/api-keys/{hers}/rotate", key_of(ada), {}).status == 404
    assert call("DELETE", f"/v1/api-keys/{hers}", key_of(ada)).status == 204


def test_a_client_acts_within_its_scopes_for_its_owner(call: Caller, alice: Person) -> None:
    token = client_token(alice, "keys:manage", "workflows:read", "analytics:read")
    assert call("POST", "/v1/api-keys", token, WISH).data["owner_id"] == alice.id
    assert call("POST", "/v1/api-keys", token, {**WISH, "permission": "read_write"}).status == 422


def test_a_client_of_nobody_makes_no_keys(call: Caller, alice: Person) -> None:
    assert call("POST", "/v1/api-keys", client_token(None, "keys:manage"), WISH).error == (403, "SCOPE_INSUFFICIENT")


@rows(
    "body",
    [
        {}, {"name": "CI"}, {"permission": "read_only"}, {**WISH, "name": 7}, {**WISH, "name": ""},
        {**WISH, "permission": "root"}, {**WISH, "expires_in": "90d"}, {**WISH, "expires_in": 0},
        {**WISH, "expires_in": True}, {**WISH, "allowed_networks": ["nowhere"]}, {**WISH, "rate_limit": "lots"},
        {**WISH, "scopes": ["admin"]}, [WISH], "CI", 7, None,
    ],
)  # fmt: skip
def test_a_body_that_breaks_a_rule_is_named(call: Caller, alice: Person, body: object) -> None:
    answer = call("POST", "/v1/api-keys", key_of(alice), json.dumps(body).encode())
    assert answer.error == (422, "VALIDATION_FAILED")
    assert answer.json["error"]["problems"]


def test_a_key_is_changed_within_the_bounds_of_who_changes_it(call: Caller, alice: Person) -> None:
    free = api_keys.create(alice.user, api_keys.Wish("Free", "read_only", rate_limit="10/hour"))[0]
    path, bounded = f"/v1/api-keys/{free.id}", key_of(alice, **BOUNDS)
    for beyond in ({"rate_limit": "51/hour"}, {"rate_limit": None}, {"allowed_networks": []}):
        assert call("PATCH", path, bounded, beyond).error == (422, "VALIDATION_FAILED")
    changed = call("PATCH", path, bounded, {"rate_limit": "50/hour", "allowed_networks": ["10.1.0.0/16"], "note": "x"})
    assert (changed.data["rate_limit"], changed.data["allowed_networks"]) == ("50/hour", ["10.1.0.0/16"])
    assert call("PATCH", path, key_of(alice), {"rate_limit": None, "allowed_networks": []}).data["rate_limit"] is None


def test_a_weaker_credential_and_a_stranger_change_no_key(call: Caller, alice: Person, mallory: Person) -> None:
    strong = api_keys.create(alice.user, api_keys.Wish("Strong", "full_access"))[0]
    path = f"/v1/api-keys/{strong.id}"
    assert call("PATCH", path, token_of(alice, "keys:manage"), {"note": "x"}).error == (422, "VALIDATION_FAILED")
    assert call("PATCH", path, key_of(mallory), {"note": "x"}).error == (404, "NOT_FOUND")


def test_a_bounded_key_does_not_lift_its_own_bounds(call: Caller, alice: Person) -> None:
    own = key_of(alice, **BOUNDS)
    path = f"/v1/api-keys/{call('GET', '/v1/me', own).data['key_id']}"
    assert call("PATCH", path, own, {"rate_limit": "1000/hour"}).error == (422, "VALIDATION_FAILED")
    assert call("PATCH", path, own, {"allowed_networks": ["0.0.0.0/0"]}).error == (422, "VALIDATION_FAILED")


READ = ["workflows:read", "analytics:read"]


def told_of(call: Caller, key: str) -> tuple[int, ...]:
    return tuple(call("GET", path, key).status for path in ("/v1/sessions", "/v1/grants", "/v1/usage"))


def test_a_key_that_an_apps_token_makes_is_told_no_more_of_its_person_than_the_token(
    call: Caller, alice: Person
) -> None:
    token = token_of(alice, "keys:manage", "profile", *READ)
    made = call("POST", "/v1/api-keys", token, WISH).data
    own = call("POST", "/v1/api-keys", key_of(alice), WISH).data
    again = call("POST", f"/v1/api-keys/{own['id']}/rotate", token, {}).data
    for key in (made["key"], again["key"]):
        assert told_of(call, key) == (403, 403, 403)
        assert "An app made this key" in str(call("GET", "/v1/sessions", key).json)
        assert call("GET", "/v1/me", key).data["user"] == {"id": alice.id, "email": None, "name": "Alice Martin"}
        person = call("GET", f"/v1/users/{alice.id}", key).data
        assert (person["email"], person["name"], person["last_login_at"]) == (None, "Alice Martin", None)
    assert told_of(call, own["key"]) == (200, 200, 200)
    assert call("GET", "/v1/me", own["key"]).data["user"]["email"] == alice.email
    allowed = call("POST", "/v1/api-keys", token_of(alice, "keys:manage", "account", *READ), WISH).data
    assert told_of(call, allowed["key"]) == (200, 200, 200)


def test_nor_their_phone_and_address_which_have_scopes_of_their_own(call: Caller, alice: Person) -> None:
    standard_claims.change(alice.id, {"phone_number": "+33142685300", "address": {"country": "France"}})

    def told(key: str) -> tuple[object, object]:
        person = call("GET", f"/v1/users/{alice.id}", key).data
        return person["phone_number"], person["address"]

    def made_by(*scopes: str) -> str:
        token = token_of(alice, "keys:manage", "profile", *READ, *scopes)
        return str(call("POST", "/v1/api-keys", token, WISH).data["key"])

    assert told(made_by()) == (None, None)
    assert told(made_by("phone")) == ("+33142685300", None)
    assert told(made_by("address")) == (None, {"country": "France"})
    assert told(key_of(alice)) == ("+33142685300", {"country": "France"}), "they made it themselves"


def test_what_such_a_key_makes_in_its_turn_is_told_no_more_either(call: Caller, alice: Person) -> None:
    level = ["workflows:write", "triggers:write", "integrations:write", "workflows:delete"]
    token = token_of(alice, "keys:manage", "settings:manage", *READ, *level)
    full = call("POST", "/v1/api-keys", token, {**WISH, "permission": "full_access"}).data["key"]
    further = call("POST", "/v1/api-keys", full, WISH).data
    assert told_of(call, further["key"]) == (403, 403, 403)
    again = call("POST", f"/v1/api-keys/{further['id']}/rotate", key_of(alice), {}).data
    assert told_of(call, again["key"]) == (403, 403, 403), "it is the app's still"
    machine = {"client_name": "Own", "grant_types": ["client_credentials"], "scope": "settings:manage account"}
    assert call("POST", "/v1/clients", full, machine).error == (422, "VALIDATION_FAILED")


FULL = ("workflows:write", "triggers:write", "integrations:write", "workflows:delete", "keys:manage", "settings:manage")


def test_a_key_that_an_apps_token_makes_gets_nothing_by_a_role_that_its_person_gets_later(
    call: Caller, alice: Person
) -> None:
    token, wish = token_of(alice, *READ, *FULL), {**WISH, "permission": "full_access"}
    made = call("POST", "/v1/api-keys", token, wish).data["key"]
    further = call("POST", "/v1/api-keys", made, wish).data["key"]
    own = call("POST", "/v1/api-keys", key_of(alice), wish).data
    rotated = call("POST", f"/v1/api-keys/{own['id']}/rotate", token, {}).data["key"]
    users.set_role(alice.id, "admin")
    for key in (made, further, rotated):
        assert "admin" not in call("GET", "/v1/me", key).data["scopes"]
        assert call("PATCH", f"/v1/users/{alice.id}", key, {"name": "Root"}).error == (403, "INSUFFICIENT_PERMISSIONS")
    assert "admin" in call("GET", "/v1/me", own["key"]).data["scopes"], "they made it themselves"


def test_nor_by_what_its_level_is_given_later(call: Caller, alice: Person) -> None:
    token = token_of(alice, *READ, "keys:manage")
    made = call("POST", "/v1/api-keys", token, WISH).data
    own = call("POST", "/v1/api-keys", key_of(alice), WISH).data
    known = permissions.get("read_only").scopes
    for level in ("full_access", "read_write", "read_only"):
        permissions.change(level, (*permissions.get(level).scopes, "workflows:write"))
    renewed = call("POST", f"/v1/api-keys/{made['id']}/rotate", key_of(alice), {}).data["key"]
    for key in (made["key"], renewed):
        assert set(call("GET", "/v1/me", key).data["scopes"]) == set(known)
    assert "workflows:write" in call("GET", "/v1/me", own["key"]).data["scopes"], "they made it themselves"


def test_a_scope_that_is_made_again_does_not_come_back_to_a_key_that_an_app_made(call: Caller, alice: Person) -> None:
    made = call("POST", "/v1/api-keys", token_of(alice, *READ, "keys:manage"), WISH).data
    with database.transaction() as session:
        session.get_one(ApiKey, made["id"]).within = ["reports:read", "workflows:read"]
    with database.transaction() as session:
        leftovers.clear(session, "reports:read", leftovers.OF_KEYS)
    with database.reading() as session:
        assert session.get_one(ApiKey, made["id"]).within == ["workflows:read"]


def test_nor_does_a_key_that_it_renews_then(call: Caller, alice: Person) -> None:
    token, wish = token_of(alice, *READ, *FULL), {**WISH, "permission": "full_access"}
    made, own = call("POST", "/v1/api-keys", token, wish).data, call("POST", "/v1/api-keys", key_of(alice), wish).data
    users.set_role(alice.id, "admin")
    again = call("POST", f"/v1/api-keys/{made['id']}/rotate", token, {}).data
    assert again["permission"] == "full_access" and "admin" not in again["scopes"]
    for key in (token, made["key"]):
        assert call("POST", f"/v1/api-keys/{own['id']}/rotate", key, {}).error == (422, "VALIDATION_FAILED")
