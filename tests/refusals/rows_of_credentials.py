"""Credentials that are not good at the API and at gateways: keys, access tokens and clients' own JWTs."""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any
from unittest import mock

from sqlalchemy import update
from werkzeug.test import TestResponse

from authserver import config, database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.ground import cache
from authserver.domain.limits import changes
from authserver.lib import clock, secrets
from authserver.models import ApiKey, Grant, User
from tests.refusals.world import Row, World, later
from tests.support import own_jwts, protocol
from tests.support.protocol import App

ME = "/v1/me"
KEY = own_jwts.pair()
FORM = ("a compact JWS", "")


# API keys


def key_changed(world: World, **columns: Any) -> TestResponse:
    """A key of which its owner or time changed these columns."""
    row, value = api_keys.create(world.alice.user, api_keys.Wish("CI", "full_access"))
    with database.transaction() as session:
        session.execute(update(ApiKey).where(ApiKey.id == row.id).values(**columns))
    return world.get(ME, value)


def key_of_a_disabled_owner(world: World) -> TestResponse:
    value = world.key()
    try:
        person(world.alice.id, disabled_at=1)
        return world.get(ME, value)
    finally:
        person(world.alice.id, disabled_at=None)


def person(user_id: str, **values: object) -> None:
    with database.transaction() as session:
        session.execute(update(User).where(User.id == user_id).values(**values))
        cache.touch(session, "clients")


# Access tokens, in both forms


def token_of(world: World, app: App, **options: Any) -> str:
    return str(protocol.tokens_for(world.bob.id, app, **options)["access_token"])


def of_form(form: str, provoke: Any) -> Any:
    """A row for an app whose tokens have this form."""
    return lambda world: provoke(world, world.register(access_token_format=form))


def expired(world: World, app: App) -> TestResponse:
    token = token_of(world, app)
    with later(3600 + 30):
        return world.get(ME, token)


def expired_long_ago(world: World, app: App) -> TestResponse:
    token = token_of(world, app)
    with later(3 * 3600):
        return world.get(ME, token)


def given_back(world: World, app: App) -> TestResponse:
    token = token_of(world, app)
    assert world.post("/oauth/revoke", {"token": token}, app.basic).status_code == 200
    return world.get(ME, token)


def of_a_stopped_app(world: World, app: App) -> TestResponse:
    token = token_of(world, app)
    protocol.change(app, disabled_at=1)
    return world.get(ME, token)


def issued_before_all_ended(world: World, app: App) -> TestResponse:
    token = token_of(world, app)
    protocol.change(app, tokens_not_before=clock.now() + 10)
    return world.get(ME, token)


def of_a_person(world: World, app: App, **values: Any) -> TestResponse:
    token = token_of(world, app)
    try:
        person(world.bob.id, **values)
        return world.get(ME, token)
    finally:
        person(world.bob.id, disabled_at=None, tokens_not_before=0)


def of_an_app_that_may_act_for_itself_no_more(world: World, app: App) -> TestResponse:
    protocol.change(app, grant_types=["client_credentials"])
    token = world.token(app, grant_type="client_credentials").json["access_token"]
    protocol.change(app, grant_types=["authorization_code"])
    return world.get(ME, token)


def of_a_disabled_person(world: World, app: App) -> TestResponse:
    return of_a_person(world, app, disabled_at=1)


def of_a_person_who_ended_everything(world: World, app: App) -> TestResponse:
    return of_a_person(world, app, tokens_not_before=clock.now() + 10)


def of_a_grant(world: World, app: App, **values: Any) -> TestResponse:
    token = token_of(world, app)
    with database.transaction() as session:
        session.execute(update(Grant).where(Grant.client_id == app.id).values(**values))
    return world.get(ME, token)


def of_a_sign_in_that_was_ended(world: World, app: App) -> TestResponse:
    return of_a_grant(world, app, revoked_at=1, revoked_because="x")


def of_a_sign_in_past_its_life(world: World, app: App) -> TestResponse:
    return of_a_grant(world, app, expires_at=1)


def for_another_api(world: World, app: App) -> TestResponse:
    api = "https://another.example"
    protocol.change(app, resources=[protocol.add_resource(api)])
    return world.get(ME, token_of(world, app, resources=[api]))


def for_an_api_that_was_taken_from_its_app(world: World, app: App) -> TestResponse:
    api = protocol.add_resource(f"https://{app.id}.example")
    protocol.change(app, resources=[api])
    token = token_of(world, app, resources=[api])
    protocol.change(app, resources=[])
    return world.get(ME, token)


def of_another_issuer(world: World) -> TestResponse:
    with config.using(dataclasses.replace(config.current(), issuer="https://before.example")):
        token = token_of(world, app := world.register())
    assert app
    return world.get(ME, token)


def a_refresh_token(world: World) -> TestResponse:
    return world.get(ME, world.refresh_token(world.register()))


def a_client_secret(world: World) -> TestResponse:
    return world.get(ME, world.register().secret)


def an_id_token(world: World) -> TestResponse:
    return world.get(ME, str(protocol.tokens_for(world.bob.id, world.register())["id_token"]))


def an_id_token_signed_like_an_access_token(world: World) -> TestResponse:
    app = world.register(id_token_alg="ES256")
    return world.get(ME, str(protocol.tokens_for(world.bob.id, app)["id_token"]))


def signed_by_nobody(world: World, **header: Any) -> TestResponse:
    """What says to be an access token of ours, with this header."""
    said = {"iss": own_jwts.ISSUER, "client_id": world.register().id, "exp": clock.now() + 60}
    return world.get(ME, forged({"typ": "at+jwt", "alg": "ES256"} | header, said))


# Clients' own JWTs


def sender(world: World, **columns: Any) -> App:
    return world.register(**{"jwks": own_jwts.key_set(KEY)} | columns)


def own(**claims: Any) -> Any:
    """A row with a client's JWT that says this."""
    return lambda world: world.get(ME, own_jwts.own(sender(world).id, KEY, **claims))


def timed(**seconds: int) -> Any:
    """A row with a client's JWT whose times are so many seconds from now."""

    def provoke(world: World) -> TestResponse:
        times = {name: clock.now() + value for name, value in seconds.items()}
        return world.get(ME, own_jwts.own(sender(world).id, KEY, **times))

    return provoke


def headed(**header: Any) -> Any:
    """A row with a client's JWT of this header, which is signed by nobody."""
    return lambda world: world.get(ME, forged({"typ": "JWT", "alg": "ES256"} | header, said_by(sender(world))))


def said_by(app: App, **more: Any) -> dict[str, Any]:
    return own_jwts.claims(app.id) | more


def forged(header: dict[str, Any] | bytes, claims: dict[str, Any] | bytes, signature: bytes = b"signature") -> str:
    parts = (each if isinstance(each, bytes) else json.dumps(each).encode() for each in (header, claims))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (*parts, signature))


def signed_by_another_key(world: World) -> TestResponse:
    said = said_by(sender(world))
    return world.get(ME, own_jwts.signed(own_jwts.pair(number=1), said, kid=KEY.get("kid")))


def signed_by_another_key_than_the_nameless(world: World) -> TestResponse:
    app = world.register(jwks={"keys": [own_jwts.public(KEY, kid=None)]})
    return world.get(ME, own_jwts.signed(own_jwts.pair(number=1), said_by(app)))


def under_an_unknown_name(world: World) -> TestResponse:
    return world.get(ME, own_jwts.signed(KEY, said_by(sender(world)), kid="another"))


def with_keys_of_a_former_owner(world: World) -> TestResponse:
    return world.get(ME, own_jwts.own(sender(world, keys_end_at=1).id, KEY))


def with_odd_time(name: str, value: Any) -> Any:
    def provoke(world: World) -> TestResponse:
        return world.get(ME, own_jwts.signed(KEY, said_by(sender(world), **{name: value})))

    return provoke


def used_again(world: World) -> TestResponse:
    token = own_jwts.own(sender(world).id, KEY)
    assert world.get(ME, token).status_code == 200
    return world.get(ME, token)


def before_all_ended(world: World) -> TestResponse:
    return world.get(ME, own_jwts.own(sender(world, tokens_not_before=clock.now() + 10).id, KEY))


def of_a_disabled_app(world: World) -> TestResponse:
    return world.get(ME, own_jwts.own(sender(world, disabled_at=1).id, KEY))


def of_one_that_registered_itself(world: World) -> TestResponse:
    return world.get(ME, own_jwts.own(sender(world, self_registered=True).id, KEY))


def beyond_its_limit(world: World) -> TestResponse:
    app = sender(world, rate_limit="1/hour")
    world.get(ME, own_jwts.own(app.id, KEY))
    return world.get(ME, own_jwts.own(app.id, KEY))


def with_a_broken_signature(world: World) -> TestResponse:
    return world.get(ME, own_jwts.own(sender(world).id, KEY)[:-1])


def deep(depth: int) -> str:
    return "[" * depth + "]" * depth


def nested(world: World) -> TestResponse:
    header = f'{{"typ":"JWT","alg":"ES256","x":{deep(20)}}}'.encode()
    return world.get(ME, forged(header, said_by(sender(world))))


def twice_in_the_header(world: World) -> TestResponse:
    return world.get(ME, forged(b'{"typ":"JWT","alg":"ES256","alg":"ES256"}', said_by(sender(world))))


def with_a_zero_byte(world: World) -> TestResponse:
    return world.get(ME, forged(b'{"typ":"JWT","alg":"ES256","x":"\\u0000"}', said_by(sender(world))))


def with_a_list_of_claims(world: World) -> TestResponse:
    return world.get(ME, forged({"typ": "JWT", "alg": "ES256"}, b"[]"))


# What a good one lacks


def with_too_low_a_key(world: World) -> TestResponse:
    return world.get("/v1/api-keys", world.key("read_only"))


def without_the_scope(world: World) -> TestResponse:
    return world.get("/v1/api-keys", token_of(world, world.register()))


def of_no_person(world: World) -> TestResponse:
    app = world.register(grant_types=["client_credentials"], scopes=["settings:manage", "account"])
    token = world.token(app, grant_type="client_credentials").json["access_token"]
    return world.get("/v1/sessions", token)


def for_a_secret_that_cannot_be(world: World) -> TestResponse:
    app = world.register(public=True)
    return world.post(f"/v1/clients/{app.id}/secrets", b"{}", {**protocol.bearer(world.key()), **JSON})


JSON = {"content-type": "application/json"}


def sent_too_often(world: World) -> TestResponse:
    value = world.key(rate_limit="1/hour")
    world.get(ME, value)
    return world.get(ME, value)


def changing_too_much(world: World) -> TestResponse:
    body, headers = b'{"name": "CI", "permission": "read_only"}', {**protocol.bearer(world.key()), **JSON}
    with mock.patch.object(changes, "LIMIT", "1/hour"):
        world.post("/v1/api-keys", body, headers)
        return world.post("/v1/api-keys", body, headers)


def with_a_body_that_is_no_json(world: World) -> TestResponse:
    return world.post("/v1/api-keys", b"{", {**protocol.bearer(world.key()), **JSON})


ROWS: tuple[Row, ...] = (
    (lambda world: world.get(ME, ""), None),
    (lambda world: world.get(ME, "garbage"), None),
    (lambda world: world.get(ME, secrets.generate("kaie", "ak")), None),
    (lambda world: key_changed(world, revoked_at=1), {"not revoked": ("in use", "revoked 1970")}),
    (lambda world: key_changed(world, expires_at=1), {"expiry": ("after now", "1970")}),
    (lambda world: key_changed(world, allowed_networks=["10.0.0.0/8"]), {"network": ("10.0.0.0/8", "127.0.0.1")}),
    (key_of_a_disabled_owner, {"owner": ("enabled", "disabled")}),
    *(
        row
        for form in ("jwt", "opaque")
        for row in (
            (of_form(form, expired), {"expiry": ("after now", "")}),
            (of_form(form, expired_long_ago), {"expiry": ("after now", "")}),
            (of_form(form, given_back), {"not revoked": ("in use", "revoked")}),
            (of_form(form, of_a_stopped_app), {"client": ("enabled", "disabled")}),
            (of_form(form, issued_before_all_ended), {"not revoked": ("all tokens of the app", "issued before")}),
            (of_form(form, of_an_app_that_may_act_for_itself_no_more), {"grant": ("client_credentials", "taken")}),
            (of_form(form, of_a_disabled_person), {"person": ("enabled", "disabled")}),
            (of_form(form, of_a_person_who_ended_everything), {"not revoked": ("the person's tokens", "before")}),
            (of_form(form, of_a_sign_in_that_was_ended), {"not revoked": ("in use", "was ended")}),
            (of_form(form, of_a_sign_in_past_its_life), {"sign-in": ("longest life", "ended")}),
            (of_form(form, for_an_api_that_was_taken_from_its_app), {"audience": ("assigned to the app", "taken")}),
        )
    ),
    (of_form("jwt", for_another_api), {"audience": ("http://localhost:8000", "https://another.example")}),
    (of_another_issuer, {"issuer": ("http://localhost:8000", "another one")}),
    (a_refresh_token, {"kind of credential": ("an access token", "a refresh token")}),
    (a_client_secret, {"kind of credential": ("an access token", "a client secret")}),
    (an_id_token, {"kind of credential": ("an access token", "an ID token")}),
    (an_id_token_signed_like_an_access_token, {"kind of credential": ("an access token", "an ID token")}),
    (lambda world: signed_by_nobody(world), {"key (kid)": ("a kid in the header", "")}),
    (lambda world: signed_by_nobody(world, kid="x"), {"key (kid)": ("a kid", "")}),
    (headed(alg="HS256"), {"algorithm": ("ES256", "HS256")}),
    (headed(typ="logout+jwt"), {"typ": ("JWT", "")}),
    (headed(typ=None), {"typ": ("JWT", "")}),
    (headed(kid=5), {"key (kid)": ("a kid", "")}),
    (headed(jku="https://x.example"), {"header": ("none of crit, jwk, jku", "not allowed")}),
    (headed(x="x" * 5000), {"form": FORM}),
    (with_a_broken_signature, {"form": FORM}),
    (nested, {"form": FORM}),
    (twice_in_the_header, {"form": FORM}),
    (with_a_zero_byte, {"form": FORM}),
    (with_a_list_of_claims, None),
    (lambda world: world.get(ME, own_jwts.own(sender(world).id, KEY, pad="x" * 17_000)), None),
    (signed_by_another_key, {"signature": ("a registered key", "bad signature")}),
    (signed_by_another_key_than_the_nameless, {"signature": ("a registered key", "bad signature")}),
    (under_an_unknown_name, {"key (kid)": ("a kid that names", "")}),
    (with_keys_of_a_former_owner, {"key": ("the app's owner", "")}),
    (own(sub="other"), {"subject": ("", "other")}),
    (lambda world: world.get(ME, own_jwts.own("nobody-there", KEY)), None),
    (of_a_disabled_app, {"client": ("enabled", "disabled")}),
    (of_one_that_registered_itself, {"kind of app": ("somebody here registered", "")}),
    (own(aud="http://localhost:8000"), {"audience": ("/v1", "http://localhost:8000")}),
    (own(exp=None), {"expiry": ("", "")}),
    (timed(exp=-600, iat=-700), {"expiry": ("after now", "")}),
    (timed(nbf=600), {"not before (nbf)": ("before now", "not yet valid")}),
    (timed(iat=600, exp=900), {"clock": ("60 s", "")}),
    (timed(exp=7200), {"lifetime": ("at most 3600 s", "s from now")}),
    (own(iat=None), {"clock": ("", "")}),
    (with_odd_time("exp", "soon"), {"expiry": ("", "no time")}),
    (with_odd_time("nbf", None), {"not before (nbf)": ("", "")}),
    (own(scope="admin"), {"scope": ("openid profile", "admin")}),
    (own(jti=None), {"jti": ("present", "missing")}),
    (used_again, {"jti": ("new at this verifier", "used before")}),
    (before_all_ended, {"not revoked": ("all tokens of the client", "")}),
    (beyond_its_limit, {"rate limit": ("1 in 3600 s", "one request more")}),
    (with_too_low_a_key, {"access level": ("a level", "read_only"), "scope": ("keys:manage", "analytics:read")}),
    (without_the_scope, {"scope": ("keys:manage", "openid")}),
    (of_no_person, {"request": ("one that is allowed", "This credential is no person's.")}),
    (for_a_secret_that_cannot_be, {"request": ("one that can be carried out", "A client of this kind has no secret.")}),
    (sent_too_often, {"rate limit": ("1 in 3600 s", "one request more")}),
    (changing_too_much, {"changes": ("1/hour", "one more")}),
    (with_a_body_that_is_no_json, {"request": ("one that can be carried out", "JSON")}),
)  # fmt: skip
