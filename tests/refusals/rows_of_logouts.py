"""What a request to sign a person out is refused for."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from werkzeug.test import TestResponse

from authserver import config
from authserver.domain.signing import keys as signing_keys
from authserver.lib import jwt
from tests.refusals.world import Row, World
from tests.support import protocol
from tests.support.protocol import App

BYE = "https://app.example/bye"
ADDRESS = "post logout redirect uri"
HINT, OURS = "id token hint", "an ID token of this server"


def logging_out(world: World) -> App:
    return world.register(post_logout_redirect_uris=[BYE])


def asked(world: World, **fields: Any) -> TestResponse:
    return world.browser().get("/oauth/logout?" + urlencode(fields))


def unregistered(world: World) -> TestResponse:
    return asked(world, client_id=logging_out(world).id, post_logout_redirect_uri="https://evil.example")


def nothing_registered(world: World) -> TestResponse:
    return asked(world, client_id=world.register().id, post_logout_redirect_uri=BYE)


def of_nobody(world: World) -> TestResponse:
    return asked(world, post_logout_redirect_uri=BYE)


def with_no_id_token(world: World) -> TestResponse:
    return asked(world, client_id=logging_out(world).id, id_token_hint="x")


def with_a_token_of_ours(world: World, **claims: str) -> TestResponse:
    app = logging_out(world)
    said = {"iss": config.current().issuer, "aud": app.id, "azp": app.id, "sub": world.bob.id, **claims}
    hint = jwt.sign(signing_keys.signer("RS256"), said, "JWT")
    return asked(world, client_id=app.id, id_token_hint=hint)


def of_two_apps(world: World) -> TestResponse:
    hint = protocol.tokens_for(world.bob.id, logging_out(world))["id_token"]
    return asked(world, client_id=logging_out(world).id, id_token_hint=hint)


def of_a_stopped_app(world: World) -> TestResponse:
    app = logging_out(world)
    protocol.change(app, disabled_at=1)
    return asked(world, client_id=app.id)


def with_a_long_state(world: World) -> TestResponse:
    return asked(world, client_id=logging_out(world).id, state="s" * 5000)


ROWS: tuple[Row, ...] = (
    (unregistered, {ADDRESS: (BYE, "https://evil.example")}),
    (nothing_registered, {ADDRESS: ("none is registered", BYE)}),
    (of_nobody, None),
    (with_no_id_token, {HINT: (OURS, "not a compact JWS")}),
    (lambda world: with_a_token_of_ours(world, iss="https://other.example"), {HINT: (OURS, "another issuer's")}),
    (lambda world: with_a_token_of_ours(world, client_id="x"), {HINT: (OURS, "no ID token")}),
    (of_two_apps, {"client id": ("was issued to", "another")}),
    (of_a_stopped_app, {"client": ("registered and enabled", "stopped")}),
    (with_a_long_state, {"state": ("at most 2048", "5000 characters")}),
)
