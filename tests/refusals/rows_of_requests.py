"""How a token request is made, who makes it, and what an app asks for itself."""

from __future__ import annotations

import base64
from unittest import mock

from sqlalchemy import update
from werkzeug.test import TestResponse

from authserver import database
from authserver.domain.clients import throttle
from authserver.domain.ground import cache
from authserver.domain.limits import stored_rows, token_budget
from authserver.models import ClientSecret
from tests.refusals.world import Row, World
from tests.support import protocol

CREDENTIALS = {"grant_type": "client_credentials"}
API = "https://reports.example"


# How the request is made


def in_the_query(world: World) -> TestResponse:
    return world.post("/oauth/token?grant_type=client_credentials", CREDENTIALS, world.register().basic)


def repeated(world: World) -> TestResponse:
    app = world.register()
    return world.post("/oauth/token", f"client_id={app.id}&scope=a&scope=b".encode())


def of_another_type(world: World) -> TestResponse:
    headers = {**world.register().basic, "content-type": "application/json"}
    return world.post("/oauth/token", b'{"grant_type":"client_credentials"}', headers)


def eleven_resources(world: World) -> TestResponse:
    many = [f"https://{number}.example" for number in range(11)]
    return world.post("/oauth/token", {**CREDENTIALS, "resource": many}, world.register().basic)


# Who makes it


def basic_of(raw: bytes) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(raw).decode()}


def not_base64(world: World) -> TestResponse:
    app = world.register()
    return world.post("/oauth/token", CREDENTIALS, {"Authorization": f"Basic {app.id}:{app.secret}"})


def unpadded(world: World) -> TestResponse:
    app = world.register(id="padded")
    header = basic_of(f"{app.id}:{'x' * 8}".encode())
    return world.post("/oauth/token", CREDENTIALS, {"Authorization": header["Authorization"].replace("==", "=") + "="})


def in_two_ways(world: World) -> TestResponse:
    app = world.register()
    return world.post("/oauth/token", {**CREDENTIALS, **app.post}, app.basic)


def of_two_names(world: World) -> TestResponse:
    return world.post("/oauth/token", {**CREDENTIALS, "client_id": "other"}, world.register().basic)


def by_another_method(world: World) -> TestResponse:
    app = world.register(token_endpoint_auth_method="client_secret_basic")
    return world.post("/oauth/token", {**CREDENTIALS, **app.post})


def of_an_expired_secret(world: World) -> TestResponse:
    app = world.register()
    with database.transaction() as session:
        session.execute(update(ClientSecret).where(ClientSecret.client_id == app.id).values(expires_at=1))
        cache.touch(session, "clients")
    return world.token(app, **CREDENTIALS)


def of_a_disabled_app(world: World) -> TestResponse:
    return world.token(world.register(disabled_at=1), **CREDENTIALS)


def of_nobody_there(world: World) -> TestResponse:
    return world.post("/oauth/token", CREDENTIALS, protocol.basic("nobody", "x"))


def again_and_again(world: World) -> TestResponse:
    app = world.register()
    with mock.patch.object(throttle, "LIMIT", "2/minute"):
        for _ in range(2):
            world.token(app, protocol.basic(app.id, "wrong"), **CREDENTIALS)
        return world.post("/oauth/token", {**CREDENTIALS, "client_id": app.id, "client_secret": "wrong"})


# What it asks for


def with_a_resource_of_another(world: World) -> TestResponse:
    return world.token(world.register(), **CREDENTIALS, resource=API)


def by_a_public_app(world: World) -> TestResponse:
    return world.post("/oauth/token", {**CREDENTIALS, "client_id": world.register(public=True).id})


def beyond_its_budget(world: World) -> TestResponse:
    app = world.register()
    with mock.patch.object(token_budget, "_limit", lambda: "1/minute"):
        world.token(app, **CREDENTIALS)
        return world.token(app, **CREDENTIALS)


def beyond_the_budget_of_the_sign_in(world: World) -> TestResponse:
    app = world.register()
    token = world.refresh_token(app)
    with mock.patch.object(token_budget, "_limit", lambda: "1/minute"):
        first = world.token(app, grant_type="refresh_token", refresh_token=token)
        return world.token(app, grant_type="refresh_token", refresh_token=first.json["refresh_token"])


def beyond_what_is_stored(world: World) -> TestResponse:
    app = world.register(access_token_format="opaque")
    with mock.patch.dict(stored_rows.CEILINGS, access_token="1/hour"):
        world.token(app, **CREDENTIALS)
        return world.token(app, **CREDENTIALS)


ROWS: tuple[Row, ...] = (
    (in_the_query, {"query": ("in the body", "parameters")}),
    (repeated, {"form of the request": ("each parameter once", "more than once")}),
    (of_another_type, {"form of the request": ("x-www-form-urlencoded", "the body must be")}),
    (eleven_resources, {"number of resources": ("at most 10", "11")}),
    (not_base64, {"Authorization header": ("the base64 of", "not base64")}),
    (unpadded, {"Authorization header": ("the base64 of", "not")}),
    (lambda world: world.post("/oauth/token", CREDENTIALS, basic_of(world.register().id.encode())),
     {"Authorization header": ("client_id:client_secret", "no colon")}),
    (lambda world: world.post("/oauth/token", CREDENTIALS, basic_of(f"{world.register().id}:100%".encode())),
     {"Authorization header": ("form-encoded", "bad percent-encoding in the secret")}),
    (lambda world: world.post("/oauth/token", CREDENTIALS, {"Authorization": "Basic"}), None),
    (lambda world: world.post("/oauth/token", {**CREDENTIALS, "client_id": world.register().id},
                              {"Authorization": "Digest x"}), {"authentication method": ("Basic", "another scheme")}),
    (in_two_ways, {"authentication method": ("one way", "the Authorization header and client_secret")}),
    (of_two_names, {"client id": ("the same", "two different")}),
    (lambda world: world.post("/oauth/token", CREDENTIALS), None),
    (by_another_method, {"authentication method": ("client_secret_basic", "client_secret_post")}),
    (lambda world: world.token(app := world.register(), protocol.basic(app.id, "wrong"), **CREDENTIALS),
     {"client secret": ("one of 1", "fits none")}),
    (of_an_expired_secret, {"client secret": ("one of 0", "expired")}),
    (of_a_disabled_app, {"client": ("enabled", "disabled")}),
    (of_nobody_there, None),
    (again_and_again, {"failed attempts": ("fewer than 2/minute", "2/minute")}),
    (lambda world: world.token(world.register()), {"grant type": ("one value", "(nothing)")}),
    (lambda world: world.token(world.register(), grant_type="password"),
     {"grant": ("authorization_code or refresh_token or client_credentials", "password")}),
    (lambda world: world.token(world.register(grant_types=["authorization_code"]), **CREDENTIALS),
     {"grant": ("authorization_code", "client_credentials")}),
    (lambda world: world.token(world.register(), **CREDENTIALS, scope="a  b"),
     {"form of scope": ("single spaces", "")}),
    (lambda world: world.token(world.register(scopes=["email"]), **CREDENTIALS, scope="admin"),
     {"scope": ("email", "admin")}),
    (with_a_resource_of_another, {"resource": ("http://localhost:8000", API)}),
    (by_a_public_app, {"kind of app": ("keeps a secret", "a public app")}),
    (beyond_its_budget, {"token requests": ("1/minute", "one request more")}),
    (beyond_the_budget_of_the_sign_in, {"token requests": ("1/minute", "one request more")}),
    (beyond_what_is_stored, {"stored tokens": ("1/hour", "one more")}),
)  # fmt: skip
