"""One header, three credentials, one principal; and every refusal with its code."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from authserver import database
from authserver.domain.access import permissions
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys.keys import Wish
from authserver.domain.ground import cache, usage
from authserver.domain.limits import rate_limits
from authserver.domain.people import users
from authserver.edge import bearer, json_errors, rate_limit
from authserver.edge.bearer import Principal
from authserver.edge.exchange import Incoming, Outgoing
from authserver.edge.json_errors import ApiError
from authserver.lib import clock, secrets
from authserver.models import Scope, User
from authserver.observability import context
from tests.conftest import Person
from tests.support import own_jwts, protocol
from tests.support.own_jwts import own, pair
from tests.support.protocol import App

API = "https://reports.example"
IP = "192.0.2.7"


@pytest.fixture(autouse=True)
def _assembled(app: object) -> None:
    """The app is built even where no test asks for it by name."""


@pytest.fixture
def web_app() -> App:
    return protocol.register()


@pytest.fixture
def job() -> App:
    """A machine that signs for itself."""
    return protocol.register(
        name="Nightly", jwks=own_jwts.key_set(pair()), scopes=["workflows:read", "workflows:write"]
    )


def incoming(value: str | None, ip: str = IP, scheme: str = "Bearer") -> Incoming:
    headers = {} if value is None else {"authorization": f"{scheme} {value}"}
    return Incoming("GET", "/v1/me", "", headers, b"", ip)


def principal(credential: str, ip: str = IP, **where: Any) -> Principal:
    with context.using(context.Context(request_id="req_test", ip=ip)):
        return bearer.principal(incoming(credential, ip), **where)


def refusal(credential: str | None, ip: str = IP, scheme: str = "Bearer", **where: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        bearer.principal(incoming(credential, ip, scheme), **where)
    return caught.value


def key_of(person: Person, level: str = "read_only", **wish: Any) -> tuple[str, str]:
    row, value = api_keys.create(person.user, Wish("CI", level, **wish))
    return row.id, value


def access_token(person: Person, app: App, **options: Any) -> str:
    return str(protocol.tokens_for(person.id, app, **options)["access_token"])


def client_token(app: App, **fields: Any) -> str:
    return str(protocol.client_credentials(app, **fields).json["access_token"])


# ---- who is asking ------------------------------------------------------------------------------------------


def test_an_api_key_stands_for_its_owner_at_its_level(alice: Person) -> None:
    key_id, value = key_of(alice, "read_write")
    found = principal(value)
    assert (found.kind, found.key_id, found.client_id, found.subject) == ("api_key", key_id, None, alice.id)
    assert found.permission == "read_write"
    assert found.scopes == set(permissions.effective("read_write", "user"))
    assert found.user is not None and (found.user.email, found.user.is_admin) == (alice.email, False)
    assert (found.rate_policy, found.rate_limit, found.actor) == ("api-key", "1000/hour", f"key:{key_id}")


def test_an_access_token_stands_for_person_and_client(alice: Person, web_app: App) -> None:
    found = principal(access_token(alice, web_app, scopes=["openid", "workflows:read"]))
    assert (found.kind, found.client_id, found.subject, found.owner_id) == (
        "access_token",
        web_app.id,
        alice.id,
        alice.id,
    )
    assert found.scopes == {"openid", "workflows:read"}
    assert found.user is not None and found.user.name == "Alice Martin"
    assert (found.permission, found.rate_policy, found.actor) == (None, "oauth", f"user:{alice.id}")


def test_a_clients_own_token_stands_for_no_person(web_app: App) -> None:
    found = principal(client_token(web_app, scope="workflows:read"))
    assert (found.subject, found.owner_id, found.user) == (web_app.id, None, None)
    assert found.actor == f"client:{web_app.id}"


def test_an_opaque_token_is_like_a_jwt(alice: Person) -> None:
    app = protocol.register(access_token_format="opaque")
    token = access_token(alice, app)
    assert secrets.kind_of(token) == "at"
    assert principal(token).subject == alice.id


def test_a_clients_own_jwt_stands_for_the_client(job: App) -> None:
    found = principal(own(job.id))
    assert (found.kind, found.client_id, found.subject, found.owner_id) == ("jwt", job.id, job.id, None)
    assert found.scopes == {"workflows:read", "workflows:write"}
    assert (found.rate_policy, found.rate_key, found.audiences) == ("jwt", f"client:{job.id}", (own_jwts.API,))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(alice: Person, scheme: str) -> None:
    assert bearer.principal(incoming(key_of(alice)[1], scheme=scheme)).subject == alice.id


def test_each_subject_of_a_client_has_a_bucket_of_its_own(alice: Person, bob: Person, web_app: App) -> None:
    buckets = {principal(access_token(person, web_app)).rate_key for person in (alice, bob)}
    assert len(buckets) == 2


def test_a_check_costs_one_statement(alice: Person, web_app: App, job: App, statements: Callable[[], Any]) -> None:
    credentials = [key_of(alice)[1], access_token(alice, web_app), client_token(web_app), own(job.id), own(job.id)]
    for warm in credentials[:4]:
        principal(warm)
    for credential in (*credentials[:3], credentials[4]):
        with statements() as sent:
            principal(credential)
        assert len(sent) == 1, sent


def test_garbage_costs_no_statement(statements: Callable[[], Any]) -> None:
    with statements() as sent:
        for value in ("garbage", "kaie_ak_tooshort", "eyJhbGciOiJub25lIn0.e30.", "a" * 100_000):
            refusal(value)
    assert not sent


# ---- every refusal has its code -----------------------------------------------------------------------------


def body(error: ApiError) -> tuple[Outgoing, dict[str, Any]]:
    with context.using(context.Context(request_id="req_test")):
        answer = json_errors.respond(error)
    return answer, json.loads(answer.body)["error"]


@pytest.mark.parametrize(
    ("value", "scheme"),
    [(None, ""), ("", "Bearer"), ("   ", "Bearer"), ("YTpi", "Basic"), ("kaie_ak_x", "ApiKey"), ("x", "DPoP")],
)
def test_without_a_bearer_credential_authentication_is_missing(value: str | None, scheme: str) -> None:
    error = refusal(value, scheme=scheme)
    assert (error.status, error.code) == (401, "MISSING_AUTHENTICATION")
    assert error.headers == [("WWW-Authenticate", 'Bearer realm="kaie"')]


def _dead_key(alice: Person, how: str) -> str:
    key_id, value = key_of(alice, allowed_networks=("10.0.0.0/8",) if how == "elsewhere" else ())
    if how == "revoked":
        api_keys.revoke(alice.id, key_id)
    elif how == "expired":
        with database.transaction() as session:
            session.get_one(api_keys.ApiKey, key_id).expires_at = clock.now()
    elif how == "owner disabled":
        users.disable(alice.id)
    return {
        "mistyped": value[:-1] + ("a" if value[-1] != "a" else "b"),
        "cut": value[:-5],
        "longer": value + "0",
        "another slug": "evil" + value[4:],
        "upper case": value.upper(),
    }.get(how, value)


@pytest.mark.parametrize(
    "how", ["revoked", "expired", "owner disabled", "elsewhere", "mistyped", "cut", "longer", "another slug"]
)
def test_an_api_key_that_is_not_good_is_an_invalid_api_key(alice: Person, how: str) -> None:
    error = refusal(_dead_key(alice, how))
    assert (error.status, error.code) == (401, "INVALID_API_KEY")


def test_an_unknown_api_key_gets_the_same_answer_as_a_revoked_one(alice: Person) -> None:
    revoked, unknown = (body(refusal(value)) for value in (_dead_key(alice, "revoked"), secrets.generate("kaie", "ak")))
    assert revoked[1] == unknown[1]
    assert revoked[0].headers == unknown[0].headers


def test_a_key_is_good_from_its_networks(alice: Person) -> None:
    _, value = key_of(alice, allowed_networks=("10.0.0.0/8", "192.0.2.0/24"))
    assert principal(value, "192.0.2.200").owner_id == alice.id
    assert refusal(value, "198.51.100.1").code == "INVALID_API_KEY"


def _bad_token(alice: Person, web_app: App, how: str) -> str:
    tokens = protocol.tokens_for(alice.id, web_app)
    token = str(tokens["access_token"])
    if how == "revoked":
        protocol.revoke(web_app, token)
    elif how == "person disabled":
        users.disable(alice.id)
    elif how == "client disabled":
        protocol.change(web_app, disabled_at=clock.now())
        cache.forget()
    head, payload, signature = token.split(".")
    return {
        "refresh token": str(tokens["refresh_token"]),
        "id token": str(tokens["id_token"]),
        "client secret": web_app.secret,
        "signature of another": ".".join((head, payload, signature[::-1])),
        "no signature": f"{head}.{payload}.",
        "upper case": token.upper(),
        "words": "let me in",
        "two": f"{token},{token}",
        "huge": "eyJ" + "a" * 1_000_000 + ".a.a",
        "unknown opaque": secrets.generate("kaie", "at"),
        "not ascii": "kaié_at_x",
    }.get(how, token)


@pytest.mark.parametrize(
    "how",
    [
        "revoked", "person disabled", "client disabled", "refresh token", "id token", "client secret",
        "signature of another", "no signature", "upper case", "words", "two", "huge", "unknown opaque", "not ascii",
    ],
)  # fmt: skip
def test_any_other_bearer_value_that_is_not_good_is_an_invalid_token(alice: Person, web_app: App, how: str) -> None:
    error = refusal(_bad_token(alice, web_app, how))
    assert (error.status, error.code) == (401, "INVALID_TOKEN")
    assert dict(error.headers)["WWW-Authenticate"].startswith('Bearer realm="kaie", error="invalid_token", error_desc')


def test_an_expired_token_is_an_invalid_token(alice: Person, web_app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    token, now = access_token(alice, web_app), clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + 3601)
    assert refusal(token).code == "INVALID_TOKEN"


def test_a_refusal_never_repeats_what_was_sent(alice: Person) -> None:
    value = _dead_key(alice, "mistyped")
    answer, _ = body(refusal(value))
    assert value not in answer.body.decode() and value not in str(answer.headers)


def test_an_error_has_the_form_of_the_contract(alice: Person) -> None:
    answer, error = body(refusal(_dead_key(alice, "revoked")))
    assert set(error) == {"code", "message", "details", "request_id"}
    assert error["request_id"] == "req_test"
    assert dict(answer.headers)["Content-Type"] == "application/json"


# ---- meant for somebody else (contract 11.5) ----------------------------------------------------------------


@pytest.fixture
def reports() -> str:
    protocol.add_resource(API)
    with database.transaction() as session:
        for name in ("reports:read", "reports:write"):
            session.add(Scope(name=name, title=name, level="read", resource=API, position=90))
        cache.touch(session, "scopes")
        cache.touch(session, "clients")
    return API


@pytest.fixture
def reader(reports: str) -> App:
    return protocol.register(
        resources=[reports], scopes=["reports:read", "workflows:read"], jwks=own_jwts.key_set(pair())
    )


def test_a_token_for_another_api_is_not_good_here(reader: App) -> None:
    assert refusal(client_token(reader, resource=API)).code == "INVALID_TOKEN"
    assert refusal(own(reader.id, aud=API)).code == "INVALID_TOKEN"


@pytest.mark.parametrize(
    ("needed", "good"),
    [
        (("reports:read",), True),
        (("reports:read", "reports:write"), True),
        (("reports:read", "workflows:read"), False),
        (("workflows:read",), False),
        ((), False),
    ],
)
def test_a_gateway_takes_a_token_for_the_api_that_owns_what_it_needs(
    reader: App, needed: Sequence[str], good: bool
) -> None:
    for credential in (client_token(reader, resource=API), own(reader.id, aud=API)):
        where: dict[str, Any] = {"verifier": "gateway", "resources": bearer.owning(needed)}
        if good:
            assert principal(credential, **where).audiences == (API,)
        else:
            assert refusal(credential, **where).code == "INVALID_TOKEN"


def test_a_token_for_the_issuer_is_good_at_every_gateway(reader: App) -> None:
    assert principal(client_token(reader), resources=bearer.owning(["reports:read"])).client_id == reader.id


# ---- scopes -------------------------------------------------------------------------------------------------


def test_a_key_of_too_low_a_level_has_insufficient_permissions(alice: Person) -> None:
    holder = principal(key_of(alice)[1])
    bearer.require(holder, "workflows:read")
    with pytest.raises(ApiError) as caught:
        bearer.require(holder, "workflows:read", "workflows:delete")
    assert (caught.value.status, caught.value.code) == (403, "INSUFFICIENT_PERMISSIONS")
    challenge = dict(caught.value.headers)["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in challenge and 'scope="workflows:read workflows:delete"' in challenge


def test_a_token_that_lacks_a_scope_has_an_insufficient_scope(web_app: App, job: App) -> None:
    for credential in (client_token(web_app, scope="workflows:read"), own(job.id, scope="workflows:read")):
        with pytest.raises(ApiError) as caught:
            bearer.require(principal(credential), "workflows:write")
        assert (caught.value.status, caught.value.code) == (403, "SCOPE_INSUFFICIENT")


def test_admin_is_a_scope_of_a_key_only_while_its_owner_is_one(ada: Person) -> None:
    _, value = key_of(ada, "full_access")
    assert principal(value).has("admin")
    with database.transaction() as session:
        session.get_one(User, ada.id).role = "user"
    assert not principal(value).has("admin")


# ---- the limit ----------------------------------------------------------------------------------------------


def test_a_key_may_have_a_limit_of_its_own(alice: Person) -> None:
    holder = principal(key_of(alice, rate_limit="2/hour")[1])
    assert [rate_limit.consume(holder).remaining for _ in range(2)] == [1, 0]
    with pytest.raises(ApiError) as caught:
        rate_limit.enforce(holder)
    answer, error = body(caught.value)
    assert (answer.status, error["code"]) == (429, "RATE_LIMIT_EXCEEDED")
    assert 0 < error["retry_after"] <= 3600
    sent = dict(answer.headers)
    assert sent["Retry-After"] == str(error["retry_after"])
    assert (sent["X-RateLimit-Limit"], sent["X-RateLimit-Remaining"]) == ("2", "0")


def test_a_client_may_have_a_limit_of_its_own(alice: Person) -> None:
    app = protocol.register(rate_limit="7/minute", jwks=own_jwts.key_set(pair()))
    assert {principal(value).rate_limit for value in (client_token(app), own(app.id))} == {"7/minute"}


def test_the_headers_tell_of_policy_and_state(alice: Person) -> None:
    state = rate_limit.enforce(principal(key_of(alice)[1]))
    sent = dict(rate_limit.headers(state))
    assert sent["X-RateLimit-Limit"] == "1000" and sent["X-RateLimit-Remaining"] == "999"
    assert 3590 < int(sent["X-RateLimit-Reset"]) - clock.now() <= 3601
    assert sent["RateLimit-Policy"] == '"api-key";q=1000;w=3600'
    assert sent["RateLimit"].startswith('"api-key";r=999;t=3')


def test_a_changed_limit_of_a_client_applies_at_once(alice: Person) -> None:
    app = protocol.register(rate_limit="3/hour")
    token = client_token(app)
    for _ in range(3):
        rate_limit.enforce(principal(token))
    protocol.change(app, rate_limit="4/hour")
    cache.forget()
    assert rate_limit.enforce(principal(token)).remaining == 0
    assert rate_limits.peek("oauth", principal(token).rate_key, "4/hour").remaining == 0


def test_what_was_let_through_and_what_was_not_is_counted_for_usage(alice: Person) -> None:
    key_id, value = key_of(alice, rate_limit="2/hour")
    for _ in range(5):
        rate_limit.consume(principal(value))
    usage.flush()
    counted = [
        usage.total(metric, since=clock.now() - 60, subjects=[f"key:{key_id}"])
        for metric in (rate_limits.REQUESTS, rate_limits.REFUSED)
    ]
    assert counted == [2, 3]


@pytest.mark.parametrize("name", ["workflows:read", "no:such"])
def test_what_nobody_owns_opens_no_gateway_to_other_audiences(name: str) -> None:
    assert bearer.owning([name]) == frozenset()
