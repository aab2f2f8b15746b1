"""grant_type=authorization_code: one code, one success, bound to everything it was issued for."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from authserver import database
from authserver.domain.grants import session_ids
from authserver.domain.ground import usage
from authserver.domain.signing import keys as signing_keys
from authserver.lib import clock, jwt, secrets
from authserver.models import AuditEvent, AuthorizationCode, Grant, RefreshToken, User
from tests.conftest import Person
from tests.support import protocol
from tests.support.keys import signing_with
from tests.support.protocol import App, allow, exchange, introspect
from tests.support.races import in_parallel

REFUSED = (400, "invalid_grant")


def stored(code: str) -> AuthorizationCode:
    with database.reading() as session:
        return session.get_one(AuthorizationCode, secrets.digest(code))


def events(type: str) -> list[AuditEvent]:
    with database.reading() as session:
        return session.query(AuditEvent).filter_by(type=type).all()


def expire(code: str, by: int) -> None:
    with database.transaction() as session:
        session.get_one(AuthorizationCode, secrets.digest(code)).expires_at = clock.now() + by


def test_a_code_is_exchanged_for_tokens(web_app: App, alice: Person) -> None:
    reply = exchange(web_app, allow(alice.id, web_app, session_id="ses1"))
    claims = protocol.claims(reply.json["access_token"])
    assert reply.status == 200
    assert reply.json["scope"].split() == protocol.SCOPES
    assert reply.json["refresh_token"].startswith("kaie_rt_")
    assert (claims["sub"], claims["client_id"], claims["sid"]) == (
        alice.id,
        web_app.id,
        session_ids.of("ses1", web_app.id),
    )
    assert claims["auth_time"] <= claims["iat"]
    assert jwt.peek_header(reply.json["access_token"])["typ"] == "at+jwt"


def test_the_id_token_belongs_to_app_person_and_request(web_app: App, alice: Person) -> None:
    nonce = "n" * 384
    tokens = protocol.tokens_for(alice.id, web_app, nonce=nonce, session_id="ses1")
    claims = jwt.verify(tokens["id_token"], signing_keys.verifying(), algs=frozenset({"RS256"}), typ=None)
    assert (claims["aud"], claims["azp"], claims["sub"]) == (web_app.id, web_app.id, alice.id)
    assert (claims["nonce"], claims["sid"]) == (nonce, session_ids.of("ses1", web_app.id))
    assert claims["at_hash"] == jwt.at_hash(tokens["access_token"], "RS256")
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["auth_time"] <= claims["iat"]


ID_TOKEN = {
    "iss", "sub", "aud", "azp", "iat", "exp", "at_hash", "auth_time", "acr", "amr", "sid", "nonce",
}  # fmt: skip
HASHES = {"RS256": hashlib.sha256, "PS256": hashlib.sha256, "ES256": hashlib.sha256, "EdDSA": hashlib.sha512}


@pytest.mark.parametrize("alg", HASHES)
def test_a_client_may_choose_another_algorithm_for_its_id_tokens(alice: Person, alg: str) -> None:
    """OIDC Core 2, 3.1.3.6 and Registration 2: signed as registered, with these members and no others."""
    app = protocol.register(id_token_alg=alg, id_token_claims=False)
    with signing_with(alg):
        tokens = protocol.tokens_for(alice.id, app, session_id="ses1")
        claims = jwt.verify(tokens["id_token"], signing_keys.verifying(), algs=frozenset({alg}), typ="JWT")
    header = jwt.peek_header(tokens["id_token"])
    assert header == {"alg": alg, "kid": header["kid"], "typ": "JWT"}
    assert claims.keys() == ID_TOKEN
    digest = HASHES[alg](tokens["access_token"].encode()).digest()
    assert claims["at_hash"] == base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")


def test_without_openid_there_is_no_id_token(web_app: App, alice: Person) -> None:
    assert "id_token" not in protocol.tokens_for(alice.id, web_app, scopes=["workflows:read"])


def test_without_the_refresh_grant_there_is_no_refresh_token(alice: Person) -> None:
    app = protocol.register(grant_types=["authorization_code"])
    assert "refresh_token" not in protocol.tokens_for(alice.id, app)


def test_a_public_client_exchanges_its_code_with_the_verifier_alone(spa: App, alice: Person) -> None:
    assert exchange(spa, allow(alice.id, spa)).status == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_verifier": None},
        {"code_verifier": "x" * 43},
        {"code_verifier": "x" * 42},
        {"code_verifier": "x" * 129},
        {"code_verifier": protocol.VERIFIER + "\n"},
        {"redirect_uri": None},
        {"redirect_uri": protocol.CALLBACK + "/"},
        {"redirect_uri": "https://evil.example/callback"},
    ],
)
def test_the_right_client_with_a_wrong_detail_burns_the_code(
    web_app: App, alice: Person, wrong: dict[str, str | None]
) -> None:
    code = allow(alice.id, web_app)
    assert exchange(web_app, code, **wrong).error == REFUSED
    assert stored(code).used_us is not None
    assert exchange(web_app, code).error == REFUSED


def test_a_verifier_without_a_challenge_is_refused(web_app: App, alice: Person) -> None:
    """The challenge was taken out of the request on the way (RFC 9700 section 4.8.2)."""
    assert exchange(web_app, allow(alice.id, web_app, code_challenge=None)).error == REFUSED


def test_without_a_challenge_no_verifier_is_needed(web_app: App, alice: Person) -> None:
    code = allow(alice.id, web_app, code_challenge=None)
    assert exchange(web_app, code, code_verifier=None).status == 200


def test_the_redirect_uri_is_not_needed_if_it_was_not_sent_before(web_app: App, alice: Person) -> None:
    code = allow(alice.id, web_app, redirect_uri_sent=False)
    assert exchange(web_app, code, redirect_uri=None).status == 200


def test_a_redirect_uri_that_is_sent_is_compared_even_if_it_was_not_before(web_app: App, alice: Person) -> None:
    code = allow(alice.id, web_app, redirect_uri_sent=False)
    assert exchange(web_app, code, redirect_uri="https://evil.example").error == REFUSED


def test_another_client_gets_nothing_and_leaves_the_code_alive(web_app: App, mallorys_app: App, alice: Person) -> None:
    code = allow(alice.id, web_app)
    assert exchange(mallorys_app, code).error == REFUSED
    assert exchange(web_app, code).status == 200


def test_a_replay_ends_everything_the_code_gave(web_app: App, auditor: App, alice: Person) -> None:
    code = allow(alice.id, web_app)
    tokens = exchange(web_app, code).json
    assert exchange(web_app, code).error == REFUSED
    for name in ("access_token", "refresh_token"):
        assert introspect(auditor, tokens[name]).body == b'{"active":false}'
    assert protocol.refresh(web_app, tokens["refresh_token"]).error == REFUSED
    (event,) = events("code.replayed")
    assert (event.owner_id, event.client_id) == (alice.id, web_app.id)


def test_a_replay_by_another_client_ends_nothing(web_app: App, mallorys_app: App, auditor: App, alice: Person) -> None:
    code = allow(alice.id, web_app)
    tokens = exchange(web_app, code).json
    assert exchange(mallorys_app, code).error == REFUSED
    assert introspect(auditor, tokens["access_token"]).json["active"]


def test_a_lost_race_is_refused_without_revocation(web_app: App, auditor: App, alice: Person) -> None:
    """Contract 11.7: the request came in before the code was used."""
    code = allow(alice.id, web_app)
    tokens = exchange(web_app, code).json
    with database.transaction() as session:
        session.get_one(AuthorizationCode, secrets.digest(code)).used_us = clock.now_us() + 60_000_000
    assert exchange(web_app, code).error == REFUSED
    assert introspect(auditor, tokens["access_token"]).json["active"]
    # Somebody who lacks the verifier lost no race.
    assert exchange(web_app, code, code_verifier="y" * 43).error == REFUSED
    assert not introspect(auditor, tokens["access_token"]).json["active"]


@pytest.mark.parametrize(("left", "status"), [(1, 200), (0, 400), (-1, 400)])
def test_a_code_works_for_its_time_alone(web_app: App, alice: Person, left: int, status: int) -> None:
    code = allow(alice.id, web_app)
    assert stored(code).expires_at - clock.now() in (59, 60)
    expire(code, left + 1 if left > 0 else left)
    assert exchange(web_app, code).status == status


@pytest.mark.parametrize("change", [{"disabled_at": 1}, {"tokens_not_before": 2**40}])
def test_a_disabled_person_gives_no_tokens(web_app: App, alice: Person, change: dict[str, int]) -> None:
    code = allow(alice.id, web_app)
    with database.transaction() as session:
        for name, value in change.items():
            setattr(session.get_one(User, alice.id), name, value)
    assert exchange(web_app, code).error == REFUSED


def test_a_revoked_grant_gives_no_tokens(web_app: App, alice: Person) -> None:
    from authserver.domain.grants import consents

    code = allow(alice.id, web_app)
    consents.revoke(alice.id, web_app.id)
    assert exchange(web_app, code).error == REFUSED


@pytest.mark.parametrize(
    "code",
    ["", "x", "kaie_ac_" + "0" * 36, "kaie_rt_" + "0" * 36, "kaie_ac_\u2603", "a" * 10_000, "eyJhbGciOiJub25lIn0.e30."],
)
def test_garbage_is_refused_like_any_other_code(web_app: App, code: str) -> None:
    expected = (400, "invalid_request") if not code else REFUSED
    assert exchange(web_app, code).error == expected


def test_one_changed_character_makes_another_code(web_app: App, alice: Person) -> None:
    code = allow(alice.id, web_app)
    for mangled in (code[:-1], code + "0", code.upper(), code[:10] + ("x" if code[10] != "x" else "y") + code[11:]):
        assert exchange(web_app, mangled).error == REFUSED
    assert exchange(web_app, code).status == 200


def test_the_resources_of_the_grant_are_the_audience_and_can_be_narrowed(web_app: App, alice: Person) -> None:
    apis = [protocol.add_resource(f"https://{name}.example") for name in ("one", "two")]
    protocol.change(web_app, resources=apis)
    whole = protocol.tokens_for(alice.id, web_app, resources=apis)
    assert protocol.claims(whole["access_token"])["aud"] == apis
    narrowed = exchange(web_app, allow(alice.id, web_app, resources=apis), resource=apis[1])
    assert protocol.claims(narrowed.json["access_token"])["aud"] == apis[1]


def test_a_resource_that_was_not_granted_is_refused_and_the_code_stays_good(web_app: App, alice: Person) -> None:
    apis = [protocol.add_resource(f"https://{name}.example") for name in ("one", "two")]
    protocol.change(web_app, resources=apis)
    code = allow(alice.id, web_app, resources=apis[:1])
    assert exchange(web_app, code, resource=apis[1]).error == (400, "invalid_target")
    assert exchange(web_app, code).status == 200


def test_a_resource_that_is_gone_gives_no_token_with_a_wider_audience(web_app: App, alice: Person) -> None:
    code = allow(alice.id, web_app, resources=["https://gone.example"])
    assert exchange(web_app, code).error == REFUSED


def test_scopes_the_app_lost_or_the_person_may_not_hold_are_left_out(web_app: App, alice: Person) -> None:
    protocol.change(web_app, scopes=["openid", "admin", "workflows:read"])
    tokens = protocol.tokens_for(alice.id, web_app, scopes=["openid", "admin", "workflows:read", "workflows:write"])
    assert tokens["scope"] == "openid workflows:read"


def test_the_scope_parameter_adds_nothing(web_app: App, alice: Person) -> None:
    code = allow(alice.id, web_app, scopes=["openid"])
    assert exchange(web_app, code, scope="openid workflows:write").json["scope"] == "openid"


def test_an_opaque_access_token_is_stored_as_a_digest(auditor: App, alice: Person) -> None:
    app = protocol.register(access_token_format="opaque")
    tokens = protocol.tokens_for(alice.id, app)
    assert tokens["access_token"].startswith("kaie_at_")
    assert introspect(auditor, tokens["access_token"]).json["sub"] == alice.id


@pytest.mark.parametrize("access_token_format", ["jwt", "opaque"])
def test_an_exchange_stays_within_three_statements(
    alice: Person, statements: Callable[[], Any], access_token_format: str
) -> None:
    app = protocol.register(access_token_format=access_token_format)
    protocol.tokens_for(alice.id, app)
    code = allow(alice.id, app)
    usage.flush()
    with statements() as sent:
        assert exchange(app, code).status == 200
    assert len(sent) <= 3, sent


def test_no_code_and_no_token_is_stored_in_the_clear(web_app: App, alice: Person) -> None:
    code = allow(alice.id, web_app)
    tokens = exchange(web_app, code).json
    with database.reading() as session:
        rows = [*session.query(AuthorizationCode), *session.query(RefreshToken), *session.query(Grant)]
    text = repr([vars(row) for row in rows])
    assert code not in text
    assert tokens["refresh_token"] not in text


def test_of_many_parallel_redemptions_one_succeeds(web_app: App, alice: Person) -> None:
    """Trap T1: Authlib reads, mints and deletes without a gate."""
    code = allow(alice.id, web_app)
    replies = in_parallel(24, lambda: exchange(web_app, code))
    assert sorted(reply.status for reply in replies) == [200] + [400] * 23
    assert {reply.error for reply in replies if reply.status != 200} == {REFUSED}
    with database.reading() as session:
        assert session.query(RefreshToken).count() == 1
