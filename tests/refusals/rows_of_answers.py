"""Answers that are of no use: a browser keeps them from the page, or they say that a signature is not ours."""

from __future__ import annotations

import dataclasses
from typing import Any

from werkzeug.test import TestResponse

from authserver import config
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks.wishes import Wish
from authserver.lib import webhook_signatures
from tests.refusals.world import Row, World
from tests.support import own_jwts, protocol

PAGE = {"Origin": "https://page.example"}
SECRET = webhook_signatures.new_secret()
BODY = b'{"type":"webhook.test"}'


def by_a_page_of_elsewhere(world: World) -> TestResponse:
    app = world.register(public=True)
    return world.post("/oauth/token", world.code(app) | {"client_id": app.id}, PAGE)


def by_a_page_of_an_app_without_one(world: World) -> TestResponse:
    app = world.register(redirect_uris=["com.example.app:/back"], jwks=own_jwts.key_set(own_jwts.pair()))
    return world.get("/v1/me", own_jwts.own(app.id), **PAGE)


def by_a_page_of_another_app(world: World) -> TestResponse:
    other = world.register(redirect_uris=["https://other.example/back"])
    token = protocol.tokens_for(world.bob.id, world.register())["access_token"]
    assert other
    return world.get("/v1/me", token, Origin="https://other.example")


def by_a_page_with_a_key(world: World) -> TestResponse:
    return world.get("/v1/me", world.key(), **PAGE)


def by_a_page_that_asks_before(world: World) -> TestResponse:
    headers = {**PAGE, "Access-Control-Request-Method": "POST"}
    return world.app.test_client().options("/oauth/token", headers=headers)


def by_our_own_page(world: World) -> TestResponse:
    return world.post("/oauth/token", {"grant_type": "client_credentials"}, {**world.register().basic, **OURS})


OURS = {"Origin": own_jwts.ISSUER}


def too_often(world: World) -> TestResponse:
    with config.using(dataclasses.replace(config.current(), rate_limit_webhook="1/minute")):
        signed("abc")(world)
        row = webhook_endpoints.page(world.alice.id)[0][0]
        headers = {**protocol.bearer(world.key()), "content-type": "application/json", row.signature_header: "abc"}
        world.post(f"/v1/webhooks/{row.id}/verify", BODY, headers)
        return world.post(f"/v1/webhooks/{row.id}/verify", BODY, headers)


def signed(signature: str) -> Any:
    """A row that asks whether this is our signature."""

    def provoke(world: World) -> TestResponse:
        url = "https://hooks.example.com/in"
        row, _ = webhook_endpoints.create(world.alice.user, Wish("Hook", url), secret=SECRET)
        headers = {**protocol.bearer(world.key()), "content-type": "application/json", row.signature_header: signature}
        answer = world.post(f"/v1/webhooks/{row.id}/verify", BODY, headers)
        assert answer.json == {"data": {"valid": False}}
        return answer

    return provoke


ROWS: tuple[Row, ...] = (
    (by_a_page_of_elsewhere, {"origin": ("https://app.example", "https://page.example")}),
    (by_a_page_of_an_app_without_one, {"origin": ("which has none", "https://page.example")}),
    (by_a_page_of_another_app, {"origin": ("https://app.example", "https://other.example")}),
    (by_a_page_with_a_key, {"origin": ("none: an API key is for programs", "https://page.example")}),
    (by_a_page_that_asks_before, None),  # a preflight says nothing of whose page it is
    (by_our_own_page, None),  # needs no leave
    (signed("sha256=" + "0" * 64), {"signature": ("exactly these bytes", "fits with none of 1 valid")}),
    (signed("v1,abc"), {"signature": ("sha256=", "Standard Webhooks")}),
    (signed("abc"), {"signature": ("sha256=", "of another form")}),
    (too_often, {"signatures checked": ("1/minute", "one more")}),
)
