"""What a gateway lets nobody through for, or not this one."""

from __future__ import annotations

from typing import Any
from unittest import mock

import time_machine
from werkzeug.test import TestResponse

from authserver.domain.access import gateway_routes, resources
from authserver.lib import acr, clock
from tests.refusals.world import Row, World
from tests.support import protocol

SHOP = "GET /orders/{id} workflows:read\n"


def at(needed: str, **headers: str) -> Any:
    """A row whose proxy asks about this."""
    return lambda world: world.get(f"/gateway/auth/{needed}", world.key("read_only"), **headers)


def at_the_shop(path: str | None) -> Any:
    """A row whose proxy asks about this path of an API with a table of routes."""

    def provoke(world: World) -> TestResponse:
        gateway_routes.save("shop", gateway_routes.parse(SHOP))
        original = {} if path is None else {"X-Forwarded-Method": "GET", "X-Forwarded-Uri": path}
        return world.get("/gateway/auth/shop", world.key("read_only"), **original)

    return provoke


def too_often(world: World) -> TestResponse:
    value = world.key(rate_limit="1/hour")
    world.get("/gateway/auth", value)
    return world.get("/gateway/auth", value)


def with_a_token_of_elsewhere(world: World) -> TestResponse:
    api = protocol.add_resource("https://gateway.example")
    app = world.register(resources=[api])
    return world.get("/gateway/auth", protocol.tokens_for(world.bob.id, app, resources=[api])["access_token"])


def with_a_weak_old_sign_in(world: World) -> TestResponse:
    with mock.patch.object(acr, "REACHABLE", acr.ORDER):
        api = resources.create("https://pay.example", "Pay", scopes=("pay:all",), max_age=60, acr_values="phr")
    app = world.register(scopes=["pay:all"], resources=[api.identifier])
    token = protocol.tokens_for(world.bob.id, app, scopes=["pay:all"], resources=[api.identifier])["access_token"]
    with time_machine.travel(clock.now() + 100):
        return world.get("/gateway/auth/pay:all", token)


ROWS: tuple[Row, ...] = (
    (lambda world: world.app.test_client().get("/gateway/auth"), None),
    (at("workflows:delete"), {"access level": ("a level", "read_only"), "scope": ("workflows:delete", "analytics")}),
    (at("workflows:raed"), {"request": ("some credential", "is unknown here")}),
    (at("methods"), {"request": ("some credential", "passes no original method on")}),
    (at_the_shop(None), {"request": ("some credential", "passes no original method and path on")}),
    (at_the_shop("/orders/../7"), {"request": ("some credential", "can be read in two ways")}),
    (at_the_shop("/elsewhere"), {"request": ("some credential", "no rule for this request")}),
    (too_often, {"rate limit": ("1 in 3600 s", "one request more")}),
    (with_a_weak_old_sign_in, {"age of the sign-in": ("at most 60 seconds", "1"), "acr": ("phr", "aal1")}),
    (with_a_token_of_elsewhere, {"audience": ("http://localhost:8000", "https://gateway.example")}),
)  # fmt: skip
