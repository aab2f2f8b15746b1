"""Who asks the endpoints about tokens and people: introspection, revocation, userinfo."""

from __future__ import annotations

from werkzeug.test import TestResponse

from tests.refusals.world import Row, World
from tests.support import own_jwts, protocol

CREDENTIALS = {"grant_type": "client_credentials"}
API = "https://reports.example"


# Introspection and revocation


def asked_by_a_wrong_token(world: World) -> TestResponse:
    token = protocol.tokens_for(world.bob.id, world.register(disabled_at=None), scopes=["openid"])["access_token"]
    return world.post("/oauth/introspect", {"token": "x"}, {"Authorization": f"Bearer {token}"})


def asked_with_a_jwt_of_elsewhere(world: World) -> TestResponse:
    app = world.register(jwks=own_jwts.key_set(own_jwts.pair()))
    return world.post(
        "/oauth/introspect", {"token": "x"}, protocol.bearer(own_jwts.own(app.id, aud="https://x.example"))
    )


def asked_for_another_api(world: World) -> TestResponse:
    app = world.register(resources=[protocol.add_resource(API)])
    token = protocol.tokens_for(world.bob.id, app, resources=[API])["access_token"]
    return world.post("/oauth/introspect", {"token": "x"}, protocol.bearer(token))


def asked_by_a_public_app(world: World) -> TestResponse:
    return world.post("/oauth/introspect", {"token": "x", "client_id": world.register(public=True).id})


def about_no_address(world: World) -> TestResponse:
    return world.post("/oauth/introspect", {"token": "x", "client_ip": "here"}, world.register().basic)


def given_back_without_a_token(world: World) -> TestResponse:
    return world.post("/oauth/revoke", {}, world.register().basic)


# Userinfo


def signed_in(world: World, **options: object) -> str:
    return str(protocol.tokens_for(world.bob.id, world.register(), **options)["access_token"])


def in_a_url(world: World) -> TestResponse:
    return world.app.test_client().get(f"/oauth/userinfo?access_token={signed_in(world)}")


def in_the_body_of_a_get(world: World) -> TestResponse:
    return world.app.test_client().get("/oauth/userinfo", data={"access_token": signed_in(world)})


def sent_twice(world: World) -> TestResponse:
    token = signed_in(world)
    return world.post("/oauth/userinfo", {"access_token": token}, protocol.bearer(token))


def in_no_form(world: World) -> TestResponse:
    headers = {**protocol.bearer(signed_in(world)), "content-type": "text/plain"}
    return world.post("/oauth/userinfo", b"hello", headers)


def with_a_key(world: World) -> TestResponse:
    return world.get("/oauth/userinfo", world.key())


def for_an_api_alone(world: World) -> TestResponse:
    app = world.register(resources=[protocol.add_resource("https://alone.example")])
    return world.get(
        "/oauth/userinfo", protocol.tokens_for(world.bob.id, app, resources=["https://alone.example"])["access_token"]
    )


def of_nobody(world: World) -> TestResponse:
    return world.get("/oauth/userinfo", world.token(world.register(), **CREDENTIALS).json["access_token"])


def without_openid(world: World) -> TestResponse:
    return world.get("/oauth/userinfo", signed_in(world, scopes=["email"]))


ROWS: tuple[Row, ...] = (
    (asked_by_a_wrong_token, {"scope": ("introspect", "not among those")}),
    (asked_with_a_jwt_of_elsewhere, {"audience": ("/v1", "https://x.example")}),
    (asked_for_another_api, {"audience": ("http://localhost:8000", API)}),
    (asked_by_a_public_app, {"authentication method": ("at this endpoint", "none")}),
    (about_no_address, {"client ip": ("an IP address", "here")}),
    (given_back_without_a_token, {"token": ("one value", "(nothing)")}),
    (in_a_url, {"place of the token": ("the header", "the URL")}),
    (sent_twice, {"place of the token": ("the header", "header and body")}),
    (in_the_body_of_a_get, {"place of the token": ("the header", "the body of a GET")}),
    (in_no_form, {"form of the request": ("or none", "the body must be")}),
    (lambda world: world.post("/oauth/userinfo"), None),
    (lambda world: world.get("/oauth/userinfo", "garbage"), None),
    (with_a_key, {"kind of credential": ("an access token of a sign-in", "an API key")}),
    (for_an_api_alone, {"audience": ("http://localhost:8000", "https://alone.example")}),
    (of_nobody, {"person": ("a sign-in", "the app itself")}),
    (without_openid, {"scope": ("openid", "not among those")}),
)  # fmt: skip
