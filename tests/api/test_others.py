"""Users, grants, sessions, signing keys, audit events, usage and leaks."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from authserver import database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.ground import usage
from authserver.domain.people import sessions, standard_claims, users
from authserver.lib import secrets
from authserver.models import Mail
from tests.api.conftest import Caller, client_token, key_of, token_of
from tests.conftest import Person
from tests.support import protocol


def session_of(person: Person) -> str:
    return sessions.open(person.user, amr=["pwd"], ip="192.0.2.1", user_agent="Firefox")[1].session.id


# ---- people


def test_an_administrator_creates_somebody_who_gets_a_link(call: Caller, ada: Person) -> None:
    made = call("POST", "/v1/users", key_of(ada), {"email": "new@example.test", "name": "New"}).data
    assert made["welcome_link"].startswith("http") and made["role"] == "user"
    assert users.find_by_email("new@example.test") is not None
    assert call("POST", "/v1/users", key_of(ada), {"email": "new@example.test"}).error == (409, "CONFLICT")
    named = {"given_name": "Cy", "family_name": "Twom", "username": "cyt"}
    cy = call("POST", "/v1/users", key_of(ada), {"email": "cy@example.test", **named}).data
    assert {**named, "name": "Cy Twom"}.items() <= cy.items()
    changed = {"name": "Cy T.", "given_name": "", "username": "cy"}
    assert changed.items() <= call("PATCH", f"/v1/users/{cy['id']}", key_of(ada), changed).data.items()
    taken = {"email": "cyt@example.test", "username": "CYT"}
    assert call("POST", "/v1/users", key_of(ada), taken).error == (409, "CONFLICT")
    assert call("PATCH", f"/v1/users/{cy['id']}", key_of(ada), {"username": "root"}).error == (422, "VALIDATION_FAILED")
    assert call("POST", "/v1/users", key_of(ada), {"email": "no address"}).error == (422, "VALIDATION_FAILED")


def test_an_administrator_changes_what_apps_may_be_told_of_somebody(call: Caller, ada: Person, alice: Person) -> None:
    """The standard claims of OpenID Connect Core 5.1, by their names."""
    path, told = f"/v1/users/{alice.id}", {"nickname": "Al", "address": {"country": "France"}}
    assert told.items() <= call("PATCH", path, key_of(ada), told).data.items()
    assert told.items() <= call("GET", path, key_of(alice)).data.items()
    assert call("PATCH", path, key_of(ada), {"nickname": ""}).data["nickname"] is None
    refused = call("PATCH", path, key_of(ada), {"birthdate": "soon", "address": {"country": "x" * 101}})
    assert refused.error == (422, "VALIDATION_FAILED")
    for unknown in ({"address": {"planet": "Mars"}}, {"phone_number_verified": True}):
        assert call("PATCH", path, key_of(ada), unknown).error == (422, "VALIDATION_FAILED")
    assert call("PATCH", path, key_of(alice, "full_access"), told).error[0] == 403
    assert users.get(alice.id).standard_claims == {"address": {"country": "France"}}


def test_an_app_reads_no_more_of_its_person_than_its_scopes_tell(call: Caller, alice: Person) -> None:
    told = {"nickname": "Al", "phone_number": "+33123456789", "address": {"country": "France"}}
    standard_claims.change(alice.id, told)
    for scope, name in (("profile", "nickname"), ("phone", "phone_number"), ("address", "address")):
        found = call("GET", f"/v1/users/{alice.id}", token_of(alice, scope)).data
        assert [each for each in told if found[each] is not None] == [name]
    assert call("GET", f"/v1/users/{alice.id}", token_of(alice)).data.items() >= dict.fromkeys(told).items()


def test_an_administrator_disables_somebody(call: Caller, ada: Person, alice: Person) -> None:
    key, hers = key_of(ada), key_of(alice)
    assert call("PATCH", f"/v1/users/{alice.id}", key, {"disabled": True, "name": "Gone"}).data["disabled"] is True
    assert call("GET", "/v1/me", hers).error == (401, "INVALID_API_KEY")


def test_a_person_sees_themselves_alone(call: Caller, alice: Person, mallory: Person, ada: Person) -> None:
    key = key_of(mallory, "read_only")
    assert [row["id"] for row in call("GET", "/v1/users", key).data] == [mallory.id]
    assert call("GET", f"/v1/users/{alice.id}", key).error == (404, "NOT_FOUND")
    assert {alice.id, mallory.id, ada.id} <= {row["id"] for row in call("GET", "/v1/users", key_of(ada)).data}
    assert call("GET", "/v1/users", token_of(ada, "settings:manage")).json["pagination"]["total"] == 1


# ---- grants and sessions


def test_a_grant_is_seen_and_ended_by_its_person_alone(call: Caller, alice: Person, mallory: Person) -> None:
    token = token_of(alice, "workflows:read", "account")
    grant = call("GET", "/v1/grants", token).data[0]
    path = f"/v1/grants/{grant['id']}"
    assert call("GET", "/v1/grants", key_of(mallory)).data == []
    for method in ("GET", "DELETE"):
        assert call(method, path, key_of(mallory)).error == (404, "NOT_FOUND")
    assert call("DELETE", path, key_of(alice, "read_only")).error == (403, "INSUFFICIENT_PERMISSIONS")
    assert call("DELETE", path, key_of(alice)).status == 204
    assert call("GET", "/v1/me", token).error == (401, "INVALID_TOKEN")


def test_a_session_is_seen_and_ended_by_its_person_alone(
    call: Caller, alice: Person, mallory: Person, ada: Person
) -> None:
    first, second = session_of(alice), session_of(alice)
    assert {row["id"] for row in call("GET", "/v1/sessions", key_of(alice, "read_only")).data} == {first, second}
    assert call("DELETE", f"/v1/sessions/{first}", key_of(mallory)).error == (404, "NOT_FOUND")
    assert call("DELETE", f"/v1/sessions/{first}", key_of(alice)).status == 204
    assert call("DELETE", f"/v1/sessions/{second}", key_of(ada)).status == 204
    assert sessions.list_for(alice.id) == []


def test_a_clients_own_credential_is_no_persons(call: Caller, alice: Person) -> None:
    token = client_token(alice, "settings:manage")
    for path in ("/v1/grants", "/v1/sessions", "/v1/users"):
        assert call("GET", path, token).error == (403, "SCOPE_INSUFFICIENT")


# ---- signing keys and the audit log


def test_signing_keys_are_for_administrators(call: Caller, alice: Person, ada: Person) -> None:
    assert call("GET", "/v1/signing-keys", key_of(alice)).error == (403, "INSUFFICIENT_PERMISSIONS")
    key = key_of(ada)
    made = call("POST", "/v1/signing-keys", key, {"algs": ["ES256"]}).data["keys"]
    assert [row["alg"] for row in made] == ["ES256"] and "d" not in made[0]["public_jwk"]
    listed = call("GET", "/v1/signing-keys", key).data
    assert made[0]["kid"] in {row["kid"] for row in listed}
    old = next(row["kid"] for row in listed if row["alg"] == "RS256")
    assert call("DELETE", f"/v1/signing-keys/{old}", key).error == (409, "CONFLICT")


def test_events_are_those_about_oneself(call: Caller, alice: Person, mallory: Person, ada: Person) -> None:
    key_of(alice)
    events = call("GET", "/v1/audit-events?group=keys", key_of(mallory)).data
    assert events and all("Mallory" not in row["actor"] for row in events)
    names = {row["target"] for row in call("GET", "/v1/audit-events?limit=100", key_of(ada)).data}
    assert f"user:{alice.id}" in names and f"user:{mallory.id}" in names
    own = call("GET", "/v1/audit-events?limit=100", key_of(mallory)).data
    assert not any(alice.id in str(row) for row in own)
    assert call("GET", "/v1/audit-events", key_of(alice, "read_only")).error == (403, "INSUFFICIENT_PERMISSIONS")


def test_what_the_api_did_is_told_under_the_keys_name(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    me = call("GET", "/v1/me", key).data["key_id"]
    made = call("POST", "/v1/api-keys", key, {"name": "CI", "permission": "read_only"}).data
    event = call("GET", f"/v1/audit-events?about=key:{made['id']}", key).data[0]
    assert (event["type"], event["actor"]) == ("api_key.created", f"key:{me}")


# ---- usage


def test_usage_counts_the_requests_of_a_persons_keys(call: Caller, alice: Person, mallory: Person) -> None:
    key = key_of(alice, rate_limit="3/hour")
    for _ in range(5):
        call("GET", "/v1/me", key)
    said = call("GET", "/v1/usage", key_of(alice, "read_only")).data
    counted = next(row for row in said["credentials"] if row["requests"] == 3)
    assert (counted["rate_limited"], counted["name"], counted["peak_per_hour"]) == (2, "Test", 3)
    assert len(said["days"]) == 14 and said["days"][-1]["rate_limited"] == 2
    assert call("GET", "/v1/usage", key_of(mallory)).data["days"][-1]["rate_limited"] == 0
    assert call("GET", f"/v1/usage?owner={alice.id}", key_of(mallory)).error == (403, "INSUFFICIENT_PERMISSIONS")


def test_usage_says_when_each_limit_is_whole_again(call: Caller, alice: Person) -> None:
    key = key_of(alice, rate_limit="3/hour")
    reset = int(call("GET", "/v1/me", key).headers["X-RateLimit-Reset"])
    rows = call("GET", "/v1/usage", key_of(alice, "read_only")).data["credentials"]
    [stands] = [row["rate_limits"] for row in rows if row["requests"] == 1 and row["rate_limits"][0]["limit"] == 3]
    assert stands == [{"policy": "api-key", "limit": 3, "window": 3600, "remaining": 2, "reset": reset}]


def test_refusals_of_the_api_and_of_gateways_are_counted_for_their_credential(call: Caller, alice: Person) -> None:
    row, key = api_keys.create(alice.user, api_keys.Wish("Reader", "read_only"))
    token = client_token(alice, "workflows:read")
    for credential in (key, token):
        assert call("GET", "/v1/api-keys", credential).status == 403
        assert call("GET", "/gateway/auth/workflows:write", credential).status == 403
        assert call("GET", "/v1/errors/nothing", credential).status == 404
    api_keys.revoke(alice.id, row.id)
    assert call("GET", "/v1/me", key).status == call("GET", "/gateway/auth", key).status == 401
    rows = call("GET", "/v1/usage", key_of(alice, "read_only")).data["credentials"]
    counted = {each["subject"]: each["refusals"] for each in rows}
    assert counted[f"key:{row.id}"] == 4
    assert [number for subject, number in counted.items() if subject.startswith("client:")] == [2]


def test_usage_of_everybody_is_for_administrators(call: Caller, alice: Person, ada: Person) -> None:
    call("GET", "/v1/me", key_of(alice))
    usage.flush()
    assert len(call("GET", "/v1/usage?owner=all", key_of(ada)).data["credentials"]) >= 2


def test_a_client_sees_its_own_usage(call: Caller, alice: Person) -> None:
    token = client_token(alice, "workflows:read")
    call("GET", "/v1/me", token)
    assert call("GET", "/v1/usage", token).data["credentials"][0]["requests"] >= 1


# ---- leaks


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"smtp_url": "smtp://127.0.0.1:1", "mail_from": "kaie@example.test"}


@pytest.fixture(autouse=True)
def _no_courier() -> None:
    from authserver.domain.ground import mails

    mails.in_background(False)


def test_a_leaked_key_ends_and_its_owner_is_told(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    answer = call("POST", "/v1/leaks", None, {"credential": key, "found_at": "https://git.example/x\nBcc: y"})
    assert (answer.status, answer.data) == (202, {"received": True})
    assert call("GET", "/v1/me", key).error == (401, "INVALID_API_KEY")
    with database.reading() as session:
        mail = session.scalars(select(Mail)).one()
    assert mail.recipient == alice.email and "https[://]git[.]example/x" in mail.body and key not in mail.body
    assert "\nBcc" not in mail.body


def test_a_leaked_client_secret_ends_even_if_it_is_the_last(call: Caller, alice: Person) -> None:
    app = protocol.register(owner_id=alice.id)
    call("POST", "/v1/leaks", None, {"credential": app.secret})
    assert protocol.client_credentials(app).error == (401, "invalid_client")


def test_a_leaked_token_ends(call: Caller, alice: Person) -> None:
    token = token_of(alice, "workflows:read")
    call("POST", "/v1/leaks", None, {"credential": token})
    assert call("GET", "/v1/me", token).error == (401, "INVALID_TOKEN")


def test_the_answer_is_the_same_for_every_text(call: Caller, alice: Person) -> None:
    texts = ("garbage", secrets.generate("kaie", "ak"), "eyJ.a.a", key_of(alice), "kaie_ak_short")
    answers = [call("POST", "/v1/leaks", None, {"credential": text}) for text in texts]
    assert {(answer.status, str(answer.json)) for answer in answers} == {(202, str(answers[0].json))}
    assert api_keys.page(alice.id, status="active")[1] == 0


def test_reports_are_limited_by_network(call: Caller) -> None:
    answers = [call("POST", "/v1/leaks", None, {"credential": "x"}) for _ in range(31)]
    assert answers[-1].error == (429, "RATE_LIMIT_EXCEEDED") and "Retry-After" in answers[-1].headers


def test_an_administrator_says_whether_an_address_is_proven(call: Caller, ada: Person, alice: Person) -> None:
    key = key_of(ada)
    made = call("POST", "/v1/users", key, {"email": "New.Person@Example.Test"}).data
    assert (made["email"], made["email_verified"]) == ("New.Person@Example.Test", False)
    sure = call("POST", "/v1/users", key, {"email": "sure@example.test", "email_verified": True}).data
    assert sure["email_verified"] is True
    for said in (True, False):
        assert call("PATCH", f"/v1/users/{made['id']}", key, {"email_verified": said}).data["email_verified"] is said
    refused = call("PATCH", f"/v1/users/{alice.id}", key_of(alice), {"email_verified": True})
    assert refused.error == (403, "INSUFFICIENT_PERMISSIONS")
