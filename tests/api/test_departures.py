"""Deleting and restoring people over HTTP (contract 11.38, section 12)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from authserver.domain.clients import clients, ownership
from authserver.domain.people import addresses, users
from authserver.domain.people.credentials import passwords
from authserver.domain.record import audit
from tests.api.conftest import Caller, client_token, key_of, token_of
from tests.conftest import PASSWORD, Person
from tests.support import protocol


def test_deleting_stops_every_credential_of_the_person(call: Caller, ada: Person, alice: Person) -> None:
    key, token = key_of(alice), token_of(alice, "workflows:read")
    own = client_token(alice)
    answer = call("DELETE", f"/v1/users/{alice.id}", key_of(ada))
    assert (answer.status, answer.json) == (204, None)
    assert call("GET", "/v1/me", key).error == (401, "INVALID_API_KEY")
    for each in (token, own):
        assert call("GET", "/v1/me", each).error == (401, "INVALID_TOKEN")


def test_a_deleted_person_is_in_a_list_of_their_own(call: Caller, ada: Person, alice: Person) -> None:
    key = key_of(ada)
    call("DELETE", f"/v1/users/{alice.id}", key)
    assert [row["id"] for row in call("GET", "/v1/users", key).data] == [ada.id]
    row = call("GET", "/v1/users?state=deleted", key).data[0]
    assert (row["id"], row["disabled"]) == (alice.id, True)
    assert row["deleted_at"] < row["erased_at"]
    assert call("GET", f"/v1/users/{alice.id}", key).data == row
    assert call("GET", "/v1/users?state=gone", key).error == (400, "INVALID_REQUEST")


def test_restoring_lets_them_in_again(call: Caller, ada: Person, alice: Person) -> None:
    key = key_of(ada)
    call("DELETE", f"/v1/users/{alice.id}", key)
    row = call("POST", f"/v1/users/{alice.id}/restore", key).data
    assert (row["id"], row["disabled"], row["deleted_at"], row["erased_at"]) == (alice.id, False, None, None)
    assert passwords.check(alice.email, PASSWORD) is not None
    assert call("POST", f"/v1/users/{alice.id}/restore", key).error == (409, "CONFLICT")


@pytest.mark.parametrize("apps", ["", "?apps=end"])
def test_apps_are_disabled_unless_said_otherwise(call: Caller, ada: Person, alice: Person, apps: str) -> None:
    app = protocol.register(owner_id=alice.id)
    assert call("DELETE", f"/v1/users/{alice.id}{apps}", key_of(ada)).status == 204
    assert protocol.client_credentials(app).error == (401, "invalid_client")


def test_an_heir_has_the_apps_at_once_and_nothing_that_was_known_of_them_works(
    call: Caller, ada: Person, alice: Person, bob: Person
) -> None:
    app = protocol.register(owner_id=alice.id)
    assert call("DELETE", f"/v1/users/{alice.id}?apps=transfer:{bob.id}", key_of(ada)).status == 204
    assert protocol.client_credentials(app).error == (401, "invalid_client")
    made = call("POST", f"/v1/clients/{app.id}/secrets", key_of(bob), {}).data["client_secret"]
    assert protocol.client_credentials(protocol.App(app.id, made)).status == 200


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("apps=keep", (400, "INVALID_REQUEST")),
        ("apps=transfer:", (400, "INVALID_REQUEST")),
        ("apps=", (400, "INVALID_REQUEST")),
        ("apps", (400, "INVALID_REQUEST")),
        ("apps=&x=1", (400, "INVALID_REQUEST")),
        ("app=transfer:{self}", (400, "INVALID_REQUEST")),
        ("apps=transfer:usrnobody", (409, "CONFLICT")),
        ("apps=transfer:{self}", (409, "CONFLICT")),
        ("apps=end&apps=end", (400, "INVALID_REQUEST")),
    ],
)
def test_a_choice_that_cannot_be_deletes_nobody(
    call: Caller, ada: Person, alice: Person, query: str, error: tuple[int, str]
) -> None:
    query = query.replace("{self}", alice.id)
    answer = call("DELETE", f"/v1/users/{alice.id}?{query}", key_of(ada))
    assert answer.error == error
    assert error[0] != 400 or re.search("apps|sent more than once", answer.json["error"]["details"])
    assert users.get(alice.id).deleted_at is None


def test_an_heir_with_too_many_apps_is_refused_with_the_remedy(
    call: Caller, ada: Person, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "MAX_PER_OWNER", 1)
    for owner in (alice, bob):
        protocol.register(owner_id=owner.id)
    answer = call("DELETE", f"/v1/users/{alice.id}?apps=transfer:{bob.id}", key_of(ada))
    assert answer.error == (409, "CONFLICT")
    assert "the limit is 1" in answer.json["error"]["message"] and "administrator" in answer.json["error"]["message"]


def test_an_unknown_person_is_not_found(call: Caller, ada: Person) -> None:
    assert call("DELETE", "/v1/users/usrnobody", key_of(ada)).error == (404, "NOT_FOUND")
    assert call("POST", "/v1/users/usrnobody/restore", key_of(ada)).error == (404, "NOT_FOUND")


def test_the_last_administrator_and_oneself_stay(call: Caller, ada: Person, alice: Person) -> None:
    answer = call("DELETE", f"/v1/users/{ada.id}", key_of(ada))
    assert answer.error == (409, "CONFLICT") and "own account" in answer.json["error"]["message"]
    users.set_role(alice.id, "admin")
    key = key_of(alice)
    assert call("DELETE", f"/v1/users/{ada.id}", key).status == 204
    assert call("DELETE", f"/v1/users/{alice.id}", key).error == (409, "CONFLICT")


def own_credentials(admin: Person) -> dict[str, str]:
    """A credential of every kind that acts with this administrator's authority."""
    return {
        "key": key_of(admin),
        "token": token_of(admin, "admin"),
        "an app's own": client_token(admin, "admin"),
    }


ENDINGS: dict[str, tuple[str, dict[str, Any] | None]] = {
    "delete": ("DELETE", None), "disable": ("PATCH", {"disabled": True}), "demote": ("PATCH", {"role": "user"}),
}  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("kind", ["key", "token", "an app's own"])
def test_no_credential_ends_the_person_whose_authority_it_has(
    call: Caller, ada: Person, alice: Person, ending: str, kind: str
) -> None:
    users.set_role(alice.id, "admin")  # so that it is not for being the last one
    method, body = ENDINGS[ending]
    answer = call(method, f"/v1/users/{ada.id}", own_credentials(ada)[kind], body)
    assert answer.error == (409, "CONFLICT") and "your own" in answer.json["error"]["message"]
    row = users.get(ada.id)
    assert (row.disabled_at, row.role) == (None, "admin")


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_installations_own_app_ends_whom_it_is_told_to(
    call: Caller, ada: Person, alice: Person, ending: str
) -> None:
    users.set_role(alice.id, "admin")
    method, body = ENDINGS[ending]
    assert call(method, f"/v1/users/{ada.id}", client_token(None, "admin"), body).status in (200, 204)


UNCHANGED: dict[str, dict[str, Any]] = {
    "nothing": {}, "same verification": {"email_verified": True}, "same role": {"role": "user"}, "name": {"name": "A"},
    "disabled": {"disabled": True},
}  # fmt: skip


@pytest.mark.parametrize("body", UNCHANGED.values(), ids=UNCHANGED)
def test_a_change_of_a_deleted_person_has_one_answer_whatever_it_is(
    call: Caller, ada: Person, alice: Person, body: dict[str, Any]
) -> None:
    key = key_of(ada)
    call("DELETE", f"/v1/users/{alice.id}", key)
    answer = call("PATCH", f"/v1/users/{alice.id}", key, body)
    assert answer.error == (409, "CONFLICT") and "Restore them first" in answer.json["error"]["message"]


RESTRICTIONS: dict[str, dict[str, Any]] = {
    "networks": {"allowed_networks": ("127.0.0.0/8",)},
    "limit": {"rate_limit": "999/hour"},
    "life": {"expires_in": 86_400},
}


@pytest.mark.parametrize("restriction", RESTRICTIONS)
def test_a_restricted_credential_deletes_and_restores_nobody(
    call: Caller, ada: Person, alice: Person, bob: Person, restriction: str
) -> None:
    key = key_of(ada, **RESTRICTIONS[restriction])
    call("DELETE", f"/v1/users/{bob.id}", key_of(ada))
    for method, path in (("DELETE", f"/v1/users/{alice.id}"), ("POST", f"/v1/users/{bob.id}/restore")):
        answer = call(method, path, key)
        assert answer.error[0] == 403 and "restriction" in str(answer.json)
    assert users.get(alice.id).deleted_at is None and users.get(bob.id).deleted_at is not None


@pytest.mark.parametrize("body", [{"email_verified": True}, {"username": "somebody-else"}])
def test_a_restricted_credential_changes_nothing_that_apps_know_people_by(
    call: Caller, ada: Person, alice: Person, body: dict[str, Any]
) -> None:
    key = key_of(ada, expires_in=86_400)
    assert call("PATCH", f"/v1/users/{alice.id}", key, body).error == (403, "INSUFFICIENT_PERMISSIONS")
    assert call("PATCH", f"/v1/users/{alice.id}", key, {"name": "Alice"}).status == 200


def test_an_address_of_a_deleted_person_names_the_restore(call: Caller, ada: Person, alice: Person) -> None:
    key = key_of(ada)
    call("DELETE", f"/v1/users/{alice.id}", key)
    answer = call("POST", "/v1/users", key, {"email": alice.email})
    assert answer.error == (409, "CONFLICT") and "Restore it" in answer.json["error"]["message"]
    assert call("PATCH", f"/v1/users/{alice.id}", key, {"disabled": False}).error == (409, "CONFLICT")


def test_mallory_deletes_nobody(call: Caller, ada: Person, alice: Person, mallory: Person) -> None:
    call("DELETE", f"/v1/users/{alice.id}", key_of(ada))
    for method, path in (("DELETE", f"/v1/users/{ada.id}"), ("POST", f"/v1/users/{alice.id}/restore")):
        assert call(method, path, key_of(mallory)).error == (403, "INSUFFICIENT_PERMISSIONS")


def test_an_app_of_a_deleted_owner_is_stopped_for_its_people(call: Caller, ada: Person, alice: Person) -> None:
    app = protocol.register(owner_id=alice.id)
    assert call("DELETE", f"/v1/users/{alice.id}", key_of(ada)).status == 204
    facts = clients.find_afresh(app.id)
    assert facts is not None and not facts.enabled


def test_a_change_that_is_cut_off_has_changed_nothing(
    call: Caller, ada: Person, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by kill -9 between two verbs: what was written before the cut is not committed."""

    def cut_off(*_given: Any, **_named: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(addresses, "set_email_verified", cut_off)
    before, events = users.get(alice.id), audit.page()[1]
    body = {"username": "another", "name": "Another", "role": "admin", "disabled": True, "email_verified": False}
    key = key_of(ada)
    with pytest.raises(KeyboardInterrupt):
        call("PATCH", f"/v1/users/{alice.id}", key, body)
    after = users.get(alice.id)
    for name in ("username", "name", "role", "disabled_at"):
        assert getattr(after, name) == getattr(before, name)
    assert audit.page()[1] == events + 1, "the key alone"


def test_a_change_that_is_refused_in_part_changes_nothing(call: Caller, ada: Person) -> None:
    before = users.get(ada.id).username
    answer = call("PATCH", f"/v1/users/{ada.id}", key_of(ada), {"username": "another", "role": "user"})
    assert answer.status == 409
    assert users.get(ada.id).username == before
