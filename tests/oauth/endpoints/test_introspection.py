"""POST /oauth/introspect: what a credential says, to those whom it concerns, and the same bytes to all others."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from flask import Flask

from authserver import database
from authserver.domain.access import permissions
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys.keys import Wish
from authserver.domain.api_keys.wishes import Maker
from authserver.domain.clients import clients
from authserver.domain.grants import consents, grants
from authserver.domain.ground import cache, usage
from authserver.domain.signing import keys as signing_keys
from authserver.lib import clock, jwt
from authserver.models import User
from tests.conftest import Person
from tests.support import protocol
from tests.support.protocol import App, bearer, client_credentials, introspect, send, tokens_for

INACTIVE = b'{"active":false}'
API = "https://api.example"


def forged(claims: dict[str, Any], *, typ: str = "at+jwt", alg: str = "ES256") -> str:
    """A token signed with our own key."""
    return jwt.sign(signing_keys.signer(alg), claims, typ)


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims))
    return ".".join(parts) + "."


@pytest.fixture
def tokens(web_app: App, alice: Person) -> dict[str, Any]:
    return tokens_for(alice.id, web_app)


@pytest.fixture
def key(alice: Person) -> str:
    return api_keys.create(alice.user, api_keys.Wish("CI", "read_only"))[1]


def test_an_access_token_says_whose_it_is_and_what_it_may(web_app: App, tokens: dict[str, Any], alice: Person) -> None:
    answer = introspect(web_app, tokens["access_token"]).json
    claims = protocol.claims(tokens["access_token"])
    assert answer.pop("rate_limit")["limit"] == 1000
    assert answer == {
        **claims,
        "nbf": claims["iat"],
        "active": True,
        "credential": "access_token",
        "token_type": "Bearer",
        "username": alice.email,
        "preferred_username": "alice",
    }


def test_a_refresh_token_is_known_to_its_client(web_app: App, tokens: dict[str, Any], alice: Person) -> None:
    answer = introspect(web_app, tokens["refresh_token"]).json
    assert (answer["active"], answer["credential"], answer["sub"]) == (True, "refresh_token", alice.id)
    assert "token_type" not in answer


def test_an_api_key_is_shown_with_its_level(auditor: App, key: str, alice: Person) -> None:
    answer = introspect(auditor, key).json
    assert (answer["credential"], answer["permission"], answer["sub"]) == ("api_key", "read_only", alice.id)
    assert answer["scope"].split() == ["workflows:read", "analytics:read"]
    assert (answer["username"], answer["preferred_username"]) == (alice.email, "alice")


def test_members_without_a_value_are_left_out(auditor: App, web_app: App, key: str) -> None:
    for token in (key, client_credentials(web_app).json["access_token"]):
        assert None not in introspect(auditor, token).json.values()
        assert "" not in introspect(auditor, token).json.values()


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "api_key", "nonsense", ""])
def test_a_wrong_hint_changes_nothing(auditor: App, tokens: dict[str, Any], key: str, hint: str) -> None:
    """Trap T14: the documented pattern takes the hint as final."""
    for token in (tokens["access_token"], tokens["refresh_token"], key):
        assert introspect(auditor, token, token_type_hint=hint).json["active"]


def test_strangers_get_the_bytes_of_garbage(mallorys_app: App, tokens: dict[str, Any], key: str) -> None:
    """Trap T18: who may look is left to us."""
    garbage = introspect(mallorys_app, "garbage")
    assert (garbage.status, garbage.body) == (200, INACTIVE)
    for token in (tokens["access_token"], tokens["refresh_token"], key):
        reply = introspect(mallorys_app, token)
        assert (reply.status, reply.body, reply.headers) == (200, INACTIVE, garbage.headers)


def test_the_api_that_a_token_is_for_sees_it_and_others_do_not(web_app: App, alice: Person) -> None:
    protocol.add_resource(API)
    protocol.change(web_app, resources=[API])
    server = protocol.register(resource_server_for=[API])
    other = protocol.register(resource_server_for=["https://other.example"])
    tokens = tokens_for(alice.id, web_app, resources=[API])
    answer = introspect(server, tokens["access_token"]).json
    assert (answer["aud"], answer["username"]) == (API, alice.email)
    assert introspect(other, tokens["access_token"]).body == INACTIVE
    assert introspect(server, tokens["refresh_token"]).body == INACTIVE


def test_a_token_for_the_issuer_is_seen_by_the_api_that_owns_one_of_its_scopes(web_app: App, alice: Person) -> None:
    """Contract 11.5."""
    from authserver.models import Scope

    protocol.add_resource(API)
    with database.transaction() as session:
        session.get_one(Scope, "workflows:read").resource = API
        cache.touch(session, "scopes")
    server = protocol.register(resource_server_for=[API])
    assert introspect(server, tokens_for(alice.id, web_app)["access_token"]).json["active"]
    without = tokens_for(alice.id, web_app, scopes=["openid", "email"])
    assert introspect(server, without["access_token"]).body == INACTIVE


def test_an_app_learns_a_persons_address_only_with_their_consent(web_app: App, auditor: App, alice: Person) -> None:
    token = tokens_for(alice.id, web_app, scopes=["openid", "workflows:read"])["access_token"]
    assert "username" not in introspect(web_app, token).json
    assert introspect(auditor, token).json["username"] == alice.email


def test_who_sends_no_authentication_at_all_is_no_client(app: Flask) -> None:
    """400 without an Authorization header, as at every endpoint for clients (RFC 6749 section 5.2)."""
    assert send("/oauth/introspect", {"token": "x"}).error == (400, "invalid_client")


@pytest.mark.parametrize(
    ("client_ip", "active"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("192.0.2.1", False), ("2001:db8::1", False), (None, False)],
)
def test_the_networks_of_a_key_are_judged_by_the_address_that_the_api_names(
    auditor: App, alice: Person, client_ip: str | None, active: bool
) -> None:
    row, key = api_keys.create(alice.user, Wish("CI", "read_only", allowed_networks=("10.0.0.0/8",)))
    said = introspect(auditor, key, **({"client_ip": client_ip} if client_ip else {})).json
    assert said["active"] is active
    if active:
        assert said["allowed_networks"] == ["10.0.0.0/8"]
        usage.flush()
        assert api_keys.get(alice.id, row.id).last_used_ip == "10.1.2.3"


def test_without_networks_none_are_named(auditor: App, alice: Person) -> None:
    _, key = api_keys.create(alice.user, Wish("CI", "read_only"))
    assert "allowed_networks" not in introspect(auditor, key, client_ip="192.0.2.1").json


@pytest.mark.parametrize("rubbish", ["localhost", "10.0.0.0/8", "10.0.0.1:80", "010.0.0.1", "[::1]", "fe80::1%eth0"])
def test_an_address_that_is_none_is_malformed_for_those_who_may_ask(auditor: App, rubbish: str) -> None:
    assert introspect(auditor, "x", client_ip=rubbish).error == (400, "invalid_request")
    assert send("/oauth/introspect", {"token": "x", "client_ip": rubbish}).error == (400, "invalid_client")


@pytest.mark.parametrize("path", ["/oauth/introspect"])
def test_a_public_client_cannot_ask(spa: App, path: str) -> None:
    assert send(path, {"token": "x", "client_id": spa.id}).error == (400, "invalid_client")


def test_the_token_parameter_is_needed(web_app: App) -> None:
    assert send("/oauth/introspect", {}, web_app.basic).error == (400, "invalid_request")


def test_a_bearer_with_the_scope_introspect_asks_as_its_client() -> None:
    app = protocol.register(scopes=["introspect", "workflows:read"])
    token = client_credentials(app).json["access_token"]
    reply = send("/oauth/introspect", {"token": token}, bearer(token))
    assert reply.json["client_id"] == app.id
    other = client_credentials(protocol.register()).json["access_token"]
    assert send("/oauth/introspect", {"token": other}, bearer(token)).body == INACTIVE


def test_a_bearer_without_the_scope_is_refused(web_app: App) -> None:
    token = client_credentials(web_app).json["access_token"]
    reply = send("/oauth/introspect", {"token": token}, bearer(token))
    assert reply.error == (403, "insufficient_scope")
    assert 'error="insufficient_scope"' in (reply.header("www-authenticate") or "")
    assert 'scope="introspect"' in (reply.header("www-authenticate") or "")


@pytest.mark.parametrize("token", ["garbage", "kaie_at_" + "0" * 36, "eyJhbGciOiJub25lIn0.e30."])
def test_a_bad_bearer_is_a_401(token: str) -> None:
    reply = send("/oauth/introspect", {"token": token}, bearer(token))
    assert reply.error == (401, "invalid_token")


def test_a_bearer_for_another_audience_cannot_ask() -> None:
    protocol.add_resource(API)
    app = protocol.register(scopes=["introspect"], resources=[API])
    token = client_credentials(app, resource=API).json["access_token"]
    assert send("/oauth/introspect", {"token": token}, bearer(token)).error == (401, "invalid_token")


# What ends a token


def test_a_revoked_jwt_is_inactive_at_once(web_app: App, auditor: App, tokens: dict[str, Any]) -> None:
    """Trap T19: the RFC 9068 validator of Authlib knows no revocation."""
    assert protocol.revoke(web_app, tokens["access_token"]).status == 200
    assert introspect(auditor, tokens["access_token"]).body == INACTIVE
    assert introspect(auditor, tokens["refresh_token"]).json["active"]


def change_person(person: Person, **columns: int) -> None:
    with database.transaction() as session:
        for name, value in columns.items():
            setattr(session.get_one(User, person.id), name, value)


ENDS: dict[str, Callable[[App, Person], object]] = {
    "the grant is revoked": lambda app, alice: consents.revoke(alice.id, app.id),
    "the person is disabled": lambda app, alice: change_person(alice, disabled_at=1),
    "the person's tokens are ended": lambda app, alice: change_person(alice, tokens_not_before=clock.now() + 1),
    "the client is disabled": lambda app, alice: protocol.change(app, disabled_at=1),
    "the client's tokens are ended": lambda app, alice: protocol.change(app, tokens_not_before=clock.now() + 1),
}


@pytest.mark.parametrize("access_token_format", ["jwt", "opaque"])
@pytest.mark.parametrize("end", ENDS)
def test_what_ends_a_grant_ends_its_tokens_at_once(
    auditor: App, alice: Person, access_token_format: str, end: str
) -> None:
    app = protocol.register(access_token_format=access_token_format)
    tokens = tokens_for(alice.id, app)
    assert introspect(auditor, tokens["access_token"]).json["active"]
    ENDS[end](app, alice)
    for name in ("access_token", "refresh_token"):
        assert introspect(auditor, tokens[name]).body == INACTIVE


def test_a_disabled_clients_own_tokens_are_inactive(auditor: App, web_app: App) -> None:
    token = client_credentials(web_app).json["access_token"]
    protocol.change(web_app, disabled_at=1)
    assert introspect(auditor, token).body == INACTIVE


def test_scopes_are_judged_at_use(web_app: App, auditor: App, alice: Person) -> None:
    token = tokens_for(alice.id, web_app)["access_token"]
    protocol.change(web_app, scopes=["openid"])
    assert introspect(auditor, token).json["scope"] == "openid"


def test_audiences_are_judged_at_use(web_app: App, auditor: App, alice: Person) -> None:
    one, other = (protocol.add_resource(f"https://{name}.example.test/api") for name in ("one", "other"))
    protocol.change(web_app, resources=[one, other])
    both = protocol.tokens_for(alice.id, web_app, resources=[one, other])["access_token"]
    alone = protocol.exchange(web_app, protocol.allow(alice.id, web_app, resources=[one, other]), resource=one).json
    own = protocol.client_credentials(web_app, resource=one).json["access_token"]
    assert protocol.introspect(auditor, both).json["aud"] == [one, other]
    protocol.change(web_app, resources=[other])
    assert protocol.introspect(auditor, both).json["aud"] == [other]
    for gone in (alone["access_token"], own):
        assert protocol.introspect(auditor, gone).json == {"active": False}


@pytest.mark.parametrize("token_format", ["jwt", "opaque"])
def test_grants_are_judged_at_use(web_app: App, auditor: App, alice: Person, token_format: str) -> None:
    protocol.change(web_app, access_token_format=token_format)
    own = protocol.client_credentials(web_app).json["access_token"]
    of_alice = protocol.tokens_for(alice.id, web_app)
    shown = (own, of_alice["refresh_token"], of_alice["access_token"])
    assert [protocol.introspect(auditor, each).json["active"] for each in shown] == [True, True, True]
    protocol.change(web_app, grant_types=["authorization_code"])
    assert [protocol.introspect(auditor, each).json["active"] for each in shown] == [False, False, True]


def test_a_spent_refresh_token_is_inactive(web_app: App, tokens: dict[str, Any]) -> None:
    protocol.refresh(web_app, tokens["refresh_token"])
    assert introspect(web_app, tokens["refresh_token"]).body == INACTIVE


def test_a_revoked_key_and_a_disabled_owners_key_are_inactive(auditor: App, key: str, alice: Person) -> None:
    assert introspect(auditor, key).json["active"]
    with database.transaction() as session:
        session.get_one(User, alice.id).disabled_at = 1
    assert introspect(auditor, key).body == INACTIVE


def test_tokens_of_a_leaked_key_are_inactive(auditor: App, web_app: App) -> None:
    token = client_credentials(web_app).json["access_token"]
    signing_keys.retire(signing_keys.signer().kid, at_once=True)
    assert introspect(auditor, token).body == INACTIVE
    assert introspect(auditor, client_credentials(web_app).json["access_token"]).json["active"]


# Hostile input


def hostile(token: str) -> list[str]:
    head, payload, signature = token.split(".")
    claims, header = jwt.peek_claims(token), jwt.peek_header(token)
    flip = lambda part: part[:8] + ("A" if part[8] != "A" else "B") + part[9:]  # noqa: E731
    return [
        "", "a", ".", "..", "eyJ..", "\u2603", "kaie_ak_", "kaie_at_" + "0" * 36, token[:-1], token + "A", token + ".",
        f"{flip(head)}.{payload}.{signature}",
        f"{head}.{flip(payload)}.{signature}",
        f"{head}.{payload}.{flip(signature)}",
        f"{head}.{payload}.",
        unsigned(header | {"alg": "none"}, claims),
        unsigned(header | {"alg": "nOnE"}, claims),
        unsigned(header | {"alg": "HS256"}, claims),
        unsigned(header | {"jwk": {"kty": "EC"}}, claims),
        unsigned(header | {"jku": "http://127.0.0.1:1/"}, claims),
        unsigned(header | {"crit": ["b64"], "b64": False}, claims),
        unsigned(header | {"kid": "../../etc/passwd"}, claims),
        forged(claims, typ="JWT"),
        forged(claims, typ="logout+jwt"),
        forged(claims, alg="RS256"),
        forged(claims | {"exp": clock.now() - 1}),
        forged(claims | {"exp": 10**400}),
        forged(claims | {"exp": "soon"}),
        forged({name: value for name, value in claims.items() if name != "exp"}),
        forged(claims | {"nbf": clock.now() + 3600}),
        forged(claims | {"iss": "https://evil.example"}),
        "eyJhbGciOiJFUzI1NiJ9." + base64.urlsafe_b64encode(b"[" * 6000).decode().rstrip("=") + ".AAAA",
        "eyJ" + "A" * 30_000 + ".e30.AAAA",
    ]  # fmt: skip


def test_nothing_hostile_is_active_or_a_fault(auditor: App, tokens: dict[str, Any]) -> None:
    """Trap T7: deep JSON raises RecursionError in Authlib, before any signature is checked."""
    for token in hostile(tokens["access_token"])[1:]:
        reply = introspect(auditor, token)
        assert (reply.status, reply.body) == (200, INACTIVE), token[:80]


@pytest.mark.parametrize(("ahead", "active"), [(30, True), (120, False)])
def test_the_clock_of_another_node_may_be_a_little_ahead(auditor: App, web_app: App, ahead: int, active: bool) -> None:
    with time_machine.travel(clock.now() + ahead):
        token = client_credentials(web_app).json["access_token"]
    assert introspect(auditor, token).json["active"] is active


def test_a_token_is_over_in_the_second_it_says(auditor: App, web_app: App) -> None:
    token = client_credentials(web_app).json["access_token"]
    with time_machine.travel(protocol.claims(token)["exp"]):
        assert introspect(auditor, token).body == INACTIVE


def test_what_is_not_signed_by_us_never_reaches_the_database(
    auditor: App, tokens: dict[str, Any], statements: Callable[[], Any]
) -> None:
    introspect(auditor, "warm")
    usage.flush()
    for token in hostile(tokens["access_token"])[1:]:
        if secrets_like(token):
            continue
        with statements() as sent:
            introspect(auditor, token)
        assert sent == [], token[:80]


def secrets_like(token: str) -> bool:
    from authserver.lib import secrets

    return secrets.kind_of(token) is not None


def test_tokens_of_other_kinds_are_inactive(auditor: App, web_app: App, alice: Person) -> None:
    tokens = tokens_for(alice.id, web_app)
    for other in (tokens["id_token"], protocol.allow(alice.id, web_app), web_app.secret, web_app.id):
        assert introspect(auditor, other).body == INACTIVE


@pytest.mark.parametrize("access_token_format", ["jwt", "opaque"])
def test_a_warm_introspection_costs_one_statement(
    auditor: App, alice: Person, statements: Callable[[], Any], access_token_format: str
) -> None:
    app = protocol.register(access_token_format=access_token_format)
    tokens = tokens_for(alice.id, app)
    own = client_credentials(app).json["access_token"]
    introspect(auditor, own)
    usage.flush()
    for token in (own, tokens["access_token"], tokens["refresh_token"]):
        with statements() as sent:
            assert introspect(auditor, token).json["active"]
        assert len(sent) == 1, sent


def test_the_last_use_of_the_callers_secret_is_kept(auditor: App) -> None:
    introspect(auditor, "x")
    usage.flush()
    from authserver.domain.clients import secrets as client_secrets

    (secret,) = client_secrets.active(auditor.id)
    assert secret.last_used_at is not None
    assert secret.last_used_ip == "192.0.2.7"


def test_a_client_that_is_gone_is_unknown(web_app: App) -> None:
    protocol.change(web_app, deleted_at=1)
    assert clients.find(web_app.id) is not None
    assert introspect(web_app, "x").error == (401, "invalid_client")


def test_a_grants_last_use_is_kept_for_the_connected_apps_page(
    auditor: App, tokens: dict[str, Any], alice: Person
) -> None:
    usage.flush()
    (grant,) = grants.live_for(alice.id)
    assert grant.last_used_at is not None
    with time_machine.travel(clock.now() + 100):
        introspect(auditor, tokens["access_token"])
        usage.flush()
    assert grants.live_for(alice.id)[0].last_used_at == grant.last_used_at + 100


def test_a_key_that_an_app_made_is_told_no_more_of_its_person_here_than_elsewhere(alice: Person) -> None:
    """The scopes of what is asked about do not count: who asks was never allowed to know."""
    permissions.change("full_access", [*permissions.get("full_access").scopes, "introspect"])
    wish, held = Wish("Asks", "full_access"), frozenset(permissions.effective("full_access", "user"))

    def told(knows: frozenset[str] | None) -> tuple[object, ...]:
        maker = None if knows is None else Maker(held, "1000/hour", knows=knows)
        asking = api_keys.create(alice.user, wish, maker=maker)[1]
        answer = send("/oauth/introspect", {"token": asking}, bearer(asking)).json
        assert answer["active"]
        return answer.get("username"), answer.get("preferred_username")

    assert told(frozenset()) == (None, None)
    assert told(frozenset({"profile"})) == (None, "alice")
    assert told(None) == (alice.email, "alice"), "they made it themselves"
