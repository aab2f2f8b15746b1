"""A client's own JWT is a credential if everything about it is right, and once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from authserver import database
from authserver.domain.ground import cache
from authserver.domain.running import retention
from authserver.domain.tokens import server_jwts
from authserver.lib import clock, jwk
from authserver.models import UsedJti
from tests.conftest import Person
from tests.support import own_jwts, parallel, protocol
from tests.support.databases import ISSUER
from tests.support.own_jwts import claims, own, pair, public, signed
from tests.support.protocol import App, introspect
from tests.support.tables import rows

V1 = f"{ISSUER}/v1"
ASSIGNED, STRANGE = "https://reports.example", "https://other.example"
SCOPES = ["workflows:read", "workflows:write"]


@pytest.fixture(autouse=True)
def _assembled(app: object) -> None:
    """The app is built even where no test asks for it by name."""


def register(*keys: Any, **columns: Any) -> App:
    return protocol.register(
        **{"jwks": own_jwts.key_set(*(keys or (pair(),))), "scopes": SCOPES, "resources": [ASSIGNED]} | columns
    )


@pytest.fixture
def job() -> App:
    for identifier in (ASSIGNED, STRANGE):
        protocol.add_resource(identifier)
    return register()


def good(token: str, verifier: str = "/v1") -> bool:
    return server_jwts.verify(token, verifier) is not None


# ---- keys and algorithms ------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "EdDSA"])
def test_every_kind_of_key_signs(alg: str) -> None:
    app = register(pair(alg))
    assert good(own(app.id, pair(alg)))


@pytest.mark.parametrize("alg", ["ES384", "ES512"])
def test_algorithms_that_the_contract_does_not_name_are_refused(alg: str) -> None:
    app = register(pair(alg))
    assert not good(own(app.id, pair(alg)))


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ({}, True),
        ({"typ": None}, True),
        ({"typ": "jwt"}, True),
        ({"kid": None}, True),
        ({"kid": "another"}, False),
        ({"kid": ""}, False),
        ({"typ": "at+jwt"}, False),
        ({"typ": "dpop+jwt"}, False),
        ({"typ": "client-authentication+jwt"}, False),
        ({"typ": "logout+jwt"}, False),
    ],
)
def test_the_header_says_what_it_is(job: App, header: dict[str, Any], accepted: bool) -> None:
    assert good(signed(pair(), claims(job.id), **header)) is accepted


def test_without_a_kid_exactly_one_key_must_fit() -> None:
    two_kinds = register(pair("ES256"), pair("EdDSA"))
    assert good(signed(pair("ES256"), claims(two_kinds.id), kid=None))
    two_of_a_kind = register(pair("ES256"), pair("ES256", 1))
    assert not good(signed(pair("ES256"), claims(two_of_a_kind.id), kid=None))
    assert good(own(two_of_a_kind.id, pair("ES256", 1)))


def test_another_key_under_the_same_kid_does_not_sign(job: App) -> None:
    assert not good(signed(pair("ES256", 1), claims(job.id), kid="ES256-0"))


def test_another_clients_key_does_not_sign(job: App) -> None:
    register(pair("ES256", 1), name="Mallory's")
    assert not good(own(job.id, pair("ES256", 1)))


def test_a_replaced_key_stops_at_once(job: App) -> None:
    assert good(own(job.id))
    protocol.change(job, jwks=own_jwts.key_set(pair("ES256", 1)))
    cache.forget()
    assert not good(own(job.id))
    assert good(own(job.id, pair("ES256", 1)))


def test_a_client_without_keys_signs_nothing() -> None:
    assert not good(own(protocol.register().id))


# ---- claims -------------------------------------------------------------------------------------------------


REFUSED: dict[str, dict[str, Any]] = {
    "no iss": {"iss": None},
    "no sub": {"sub": None},
    "another sub": {"sub": "somebody"},
    "unknown client": {"iss": "nobody", "sub": "nobody"},
    "iss is a list": {"iss": ["x"], "sub": ["x"]},
    "no aud": {"aud": None},
    "the issuer": {"aud": ISSUER},
    "the token endpoint": {"aud": f"{ISSUER}/oauth/token"},
    "the API and the issuer": {"aud": [V1, ISSUER]},
    "the API and something": {"aud": [V1, "https://elsewhere.example"]},
    "a resource of others": {"aud": STRANGE},
    "an unknown resource": {"aud": "https://nowhere.example"},
    "the API with a slash": {"aud": V1 + "/"},
    "an empty list": {"aud": []},
    "a number": {"aud": 7},
    "no iat": {"iat": None},
    "iat is text": {"iat": "now"},
    "no exp": {"exp": None},
    "exp is text": {"exp": "never"},
    "exp is true": {"exp": True},
    "no jti": {"jti": None},
    "empty jti": {"jti": ""},
    "jti is a number": {"jti": 7},
    "huge jti": {"jti": "x" * 256},
    "a scope that it lacks": {"scope": "workflows:read admin"},
    "an empty scope": {"scope": ""},
    "scope is a list": {"scope": ["workflows:read"]},
    "two spaces": {"scope": "workflows:read  workflows:write"},
}


@rows("wrong", REFUSED)
def test_a_jwt_with_a_wrong_claim_is_refused(job: App, wrong: str) -> None:
    assert good(own(job.id))
    assert not good(own(job.id, **REFUSED[wrong]))


@rows(
    ("iat", "exp", "nbf", "accepted"),
    [
        (0, 300, None, True),
        (0, 3600, None, True),
        (-3000, 600, None, True),
        (-30, -30, None, True),  # the other machine's clock may be a minute off
        (30, 300, None, True),
        (0, 300, 30, True),
        (-60, 3600, None, True),  # an iat in the past is no fault: it covers for a clock behind
        (-7200, 3600, None, True),
        (0, 3655, None, True),
        (0, 3670, None, False),
        (60, 3670, None, False),
        (-400, -61, None, False),
        (90, 300, None, False),
        (0, 300, 90, False),
        (0, 10**12, None, False),
    ],
)
def test_its_life_is_short_and_now(job: App, iat: int, exp: int, nbf: int | None, accepted: bool) -> None:
    now = clock.now()
    times = {"iat": now + iat, "exp": now + exp, "nbf": None if nbf is None else now + nbf}
    assert good(own(job.id, **times)) is accepted


@pytest.mark.parametrize("audience", [V1, [V1], ASSIGNED, [ASSIGNED, V1]])
def test_it_is_for_our_api_or_for_a_resource_of_the_client(job: App, audience: Any) -> None:
    assert good(own(job.id, aud=audience))


def test_without_a_scope_it_has_all_of_the_clients(job: App) -> None:
    everything, part = (server_jwts.verify(own(job.id, **more), "/v1") for more in ({}, {"scope": "workflows:read"}))
    assert everything is not None and everything.scopes == tuple(SCOPES)
    assert part is not None and part.scopes == ("workflows:read",)


def test_a_stopped_client_signs_nothing(job: App) -> None:
    protocol.change(job, disabled_at=clock.now())
    cache.forget()
    assert not good(own(job.id))


def test_what_was_signed_before_everything_was_revoked_is_dead(job: App) -> None:
    old = own(job.id, iat=clock.now() - 10)
    protocol.change(job, tokens_not_before=clock.now() - 5)
    cache.forget()
    assert not good(old)
    assert good(own(job.id))


# ---- by which key ----


ONE, TWO, RSA = pair("ES256"), pair("ES256", 1), pair("RS256")
OWN_THUMBPRINT = {"kid": jwk.thumbprint(public(ONE))}
NAMES: dict[str, tuple[list[dict[str, Any]], Any, dict[str, Any], bool]] = {
    "a key without kid, a JWT with one": ([public(ONE, kid=None)], ONE, {"kid": "2024-key"}, True),
    "a key under its thumbprint": ([public(ONE, **OWN_THUMBPRINT)], ONE, {"kid": "2024-key"}, True),
    "a key as PEM": ([jwk.public_jwk(ONE.as_pem(private=False).decode())], ONE, {"kid": "x"}, True),
    "beside one of another algorithm": ([public(ONE, kid=None), public(RSA, kid=None)], ONE, {"kid": "x"}, True),
    "the only one that verifies": ([public(ONE, kid=None), public(TWO, kid=None)], TWO, {"kid": "x"}, True),
    "neither with a kid": ([public(ONE, kid=None), public(TWO, kid=None)], TWO, {"kid": None}, True),
    "a key with a name of its own": ([public(ONE)], ONE, {"kid": "2024-key"}, False),
    "another key has that kid": ([public(ONE, kid=None), public(TWO, kid="x")], ONE, {"kid": "x"}, False),
    "that kid, of another algorithm": ([public(ONE, kid=None), public(RSA, kid="x")], ONE, {"kid": "x"}, False),
    "a key that nobody registered": ([public(ONE, kid=None)], TWO, {"kid": "x"}, False),
    "two that verify": ([public(ONE, kid=None), public(ONE, **OWN_THUMBPRINT)], ONE, {"kid": "x"}, False),
    "more than four to try": (
        [public(pair("ES256", n), kid=None) for n in range(5)], ONE, {"kid": "x"}, False,
    ),
    "an algorithm that the key is not for": ([public(RSA, kid=None, alg="PS256")], RSA, {"kid": "x"}, False),
    "a kid that is no text": ([public(ONE, kid=None)], ONE, {"kid": "x" * 600}, False),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMES)
def test_a_key_without_a_name_fits_under_whatever_name(case: str) -> None:
    keys, signer, header, accepted = NAMES[case]
    app = protocol.register(jwks={"keys": keys}, scopes=SCOPES)
    assert good(signed(signer, claims(app.id), **header)) is accepted


# ---- once ---------------------------------------------------------------------------------------------------


def test_a_jwt_is_used_up_at_each_verifier(job: App) -> None:
    token = own(job.id)
    assert [good(token), good(token), good(token, "gateway"), good(token, "gateway")] == [True, False, True, False]


def test_its_identifier_is_used_up_not_its_text(job: App) -> None:
    assert good(own(job.id, jti="j-1"))
    assert not good(own(job.id, jti="j-1", exp=clock.now() + 200))


def test_two_clients_may_choose_the_same_identifier(job: App) -> None:
    other = register(pair("ES256", 1))
    assert good(own(job.id, jti="j-1"))
    assert good(own(other.id, pair("ES256", 1), jti="j-1"))


def test_a_refused_jwt_uses_nothing_up(job: App) -> None:
    assert not good(own(job.id, jti="j-1", aud=ISSUER))
    assert not good(signed(pair("ES256", 1), claims(job.id, jti="j-1"), kid="ES256-0"))
    assert good(own(job.id, jti="j-1"))


def test_of_many_at_once_one_is_let_through(job: App) -> None:
    token = own(job.id)
    assert sum(parallel.together(20, lambda _: good(token))) == 1


def test_a_client_marked_for_reuse_may_send_its_jwt_again() -> None:
    app = register(jwt_reuse=True)
    token = own(app.id)
    assert good(token) and good(token)
    assert good(own(app.id, jti=None))


def test_it_is_remembered_until_no_clock_would_take_it(job: App, monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.now()
    token = own(job.id, exp=now + 300)
    assert good(token)
    for later, left in ((300 + clock.JUMP, 1), (300 + clock.JUMP + server_jwts.REMEMBER + 1, 0)):
        monkeypatch.setattr(clock, "now", lambda moment=now + later: moment)
        retention.purge()
        with database.reading() as session:
            assert session.scalar(select(func.count()).select_from(UsedJti)) == left
        assert not good(token)


def test_a_warm_check_costs_one_statement(job: App, statements: Callable[[], Any]) -> None:
    good(own(job.id))
    with statements() as sent:
        assert good(own(job.id))
    assert len(sent) == 1


# ---- introspection ------------------------------------------------------------------------------------------


@pytest.fixture
def auditor() -> App:
    return protocol.register(name="Gateway", introspect_all=True)


def test_a_trusted_caller_learns_what_it_says_once(job: App, auditor: App) -> None:
    said = claims(job.id, scope="workflows:read")
    token = signed(pair(), said)
    answer = introspect(auditor, token).json
    assert answer.pop("rate_limit")["policy"] == "jwt"
    assert answer == {
        **said,
        "active": True,
        "credential": "jwt",
        "scope": "workflows:read",
        "nbf": said["iat"],
        "client_id": job.id,
    }
    assert introspect(auditor, token).json == {"active": False}


def test_each_trusted_caller_has_its_own_first_look(job: App, auditor: App) -> None:
    token = own(job.id)
    second = protocol.register(introspect_all=True)
    assert [introspect(who, token).json["active"] for who in (auditor, second, auditor)] == [True, True, False]


def test_others_learn_nothing_and_use_nothing_up(job: App, auditor: App) -> None:
    token = own(job.id, aud=ASSIGNED)
    server = protocol.register(resource_server_for=[ASSIGNED])
    for caller in (job, server, protocol.register()):
        assert introspect(caller, token).body == b'{"active":false}'
    assert introspect(auditor, token).json["active"]


def test_a_caller_may_count_its_request(alice: Person, auditor: App, job: App) -> None:
    app = protocol.register(rate_limit="2/hour")
    token = protocol.tokens_for(alice.id, app)["access_token"]
    seen = [
        introspect(auditor, token, **fields).json["rate_limit"]
        for fields in ({}, {"rate_limit": "consume"}, {"rate_limit": "consume"}, {"rate_limit": "consume"}, {})
    ]
    assert [each["remaining"] for each in seen] == [2, 1, 0, 0, 0]
    assert [each["allowed"] for each in seen] == [True, True, True, False, False]
    assert 0 < seen[3]["retry_after"] <= 3600


def test_a_jwt_with_the_scope_may_introspect_itself_once(alice: Person) -> None:
    app = register(scopes=["introspect"], introspect_all=True)
    token = protocol.tokens_for(alice.id, protocol.register())["access_token"]
    ask = own(app.id)
    first, second = (protocol.send("/oauth/introspect", {"token": token}, protocol.bearer(ask)) for _ in range(2))
    assert (first.status, first.json["active"]) == (200, True)
    assert second.status == 401


def test_a_clients_own_jwt_is_no_access_token_for_userinfo(job: App) -> None:
    reply = protocol.send("/oauth/userinfo", headers=protocol.bearer(own(job.id)), method="GET")
    assert reply.status == 401
