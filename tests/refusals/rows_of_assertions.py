"""How a client proves who it is with a JWT of its own key, and what is wrong with one."""

from __future__ import annotations

from typing import Any
from unittest import mock

from werkzeug.test import TestResponse

from authserver import config
from authserver.domain.limits import stored_rows
from authserver.domain.tokens.client_assertions import TYPE
from tests.refusals.world import Row, World
from tests.support import protocol
from tests.support.own_jwts import claims, key_set, pair, signed
from tests.support.protocol import App

CHECK = "client assertion"


def keyed(world: World) -> App:
    """An app of Alice's that signs."""
    return world.register(token_endpoint_auth_method="private_key_jwt", jwks=key_set(pair()))


def assertion(app: App, key: Any = None, **changes: Any) -> str:
    said = claims(app.id, aud=config.current().issuer) | changes
    return signed(key or pair(), {name: value for name, value in said.items() if value is not None})


def shown(world: World, app: App, presented: str, **fields: Any) -> TestResponse:
    given = {"client_id": app.id, "client_assertion_type": TYPE, "client_assertion": presented}
    return world.post("/oauth/token", {"grant_type": "client_credentials", **given, **fields})


def wrongly(**changes: Any) -> Any:
    """A row's provocation: one that is good but for these claims."""

    def provoke(world: World) -> TestResponse:
        app = keyed(world)
        return shown(world, app, assertion(app, **changes))

    return provoke


def of_another_type(world: World) -> TestResponse:
    app = keyed(world)
    return shown(world, app, assertion(app), client_assertion_type="urn:something:else")


def no_jwt(world: World) -> TestResponse:
    return shown(world, keyed(world), "nothing.of.this")


def of_another_name(world: World) -> TestResponse:
    return shown(world, keyed(world), assertion(keyed(world)))


def of_another_key(world: World) -> TestResponse:
    app = keyed(world)
    return shown(world, app, assertion(app, pair("ES256", 9)))


def of_another_algorithm(world: World) -> TestResponse:
    app = keyed(world)
    protocol.change(app, auth_signing_alg="PS256")
    return shown(world, app, assertion(app))


def twice(world: World) -> TestResponse:
    app = keyed(world)
    presented = assertion(app)
    shown(world, app, presented)
    return shown(world, app, presented)


def too_many(world: World) -> TestResponse:
    app = keyed(world)
    with mock.patch.dict(stored_rows.CEILINGS, assertion="1/hour"):
        shown(world, app, assertion(app))
        return shown(world, app, assertion(app))


ROWS: tuple[Row, ...] = (
    (of_another_type, {"client_assertion_type": (TYPE, "another one")}),
    (no_jwt, {CHECK: ("a JWT that the client signed", "")}),
    (of_another_name, {"client id": ("the sub of the assertion", "another one")}),
    (of_another_key, {CHECK: ("signed by a key of the client", "")}),
    (of_another_algorithm, {CHECK: ("signed by a key of the client with PS256", "")}),
    (wrongly(iss="cl_Somebody"), {CHECK: ("signed by", "iss and sub are not the client")}),
    (wrongly(aud="https://elsewhere.example"), {CHECK: ("signed by", "wrong audience")}),
    (wrongly(jti=None), {CHECK: ("signed by", "no jti")}),
    (twice, {CHECK: ("unused", "jti used before")}),
    (too_many, {CHECK: ("unused", "too many single-use JWTs")}),
)
