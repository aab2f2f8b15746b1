"""What a decision costs: one statement when warm, one more for a JWT that is good once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from authserver.domain.access import gateway_routes
from authserver.domain.api_keys import keys as api_keys
from tests.conftest import Person
from tests.support import own_jwts, protocol


def api_key(alice: Person) -> Callable[[], str]:
    _, value = api_keys.create(alice.user, api_keys.Wish("proxy", "read_only"))
    return lambda: value


def token(form: str, alice: Person) -> Callable[[], str]:
    app = protocol.register(access_token_format=form)
    value = str(protocol.tokens_for(alice.id, app, scopes=["workflows:read"])["access_token"])
    return lambda: value


def own_jwt() -> Callable[[], str]:
    app = protocol.register(jwks=own_jwts.key_set(own_jwts.pair()), scopes=["workflows:read"])
    return lambda: own_jwts.own(app.id)


@pytest.mark.parametrize("needed", ["any", "workflows:read", "methods", "shop"])
@pytest.mark.parametrize(
    ("credential", "cost"),
    [("api key", 1), ("jwt access token", 1), ("opaque access token", 1), ("own jwt", 2)],
)
def test_a_warm_decision_costs(
    http: FlaskClient, alice: Person, statements: Any, needed: str, credential: str, cost: int
) -> None:
    gateway_routes.save("shop", gateway_routes.parse("GET /orders/{id} workflows:read"))
    make = {
        "api key": lambda: api_key(alice),
        "jwt access token": lambda: token("jwt", alice),
        "opaque access token": lambda: token("opaque", alice),
        "own jwt": own_jwt,
    }[credential]()
    original = {"X-Original-Method": "GET", "X-Original-URI": "/orders/7"}
    asked = [{"Authorization": f"Bearer {make()}"} | original for _ in range(3)]
    path = f"/gateway/auth/{needed}"
    assert [http.get(path, headers=each).status_code for each in asked[:2]] == [200, 200]
    with statements() as sent:
        assert http.get(path, headers=asked[2]).status_code == 200
    assert len(sent) <= cost, sent


@pytest.mark.parametrize("authorization", ["", "Bearer nonsense", "Bearer kaie_ak_nonsense", "Basic YTpi"])
def test_garbage_never_reaches_the_database(http: FlaskClient, statements: Any, authorization: str) -> None:
    http.get("/gateway/auth/any")
    with statements() as sent:
        assert http.get("/gateway/auth/any", headers={"Authorization": authorization}).status_code == 401
    assert sent == []


class TestRepeated:
    """Where the operator allows it (AUTHSERVER_INTROSPECTION_CACHE)."""

    @pytest.fixture
    def overrides(self) -> dict[str, Any]:
        return {"introspection_cache": 1000}

    def test_a_repeated_decision_costs_nothing_and_counts(
        self, http: FlaskClient, alice: Person, statements: Any
    ) -> None:
        sent_along = {"Authorization": f"Bearer {api_key(alice)()}"}
        first = http.get("/gateway/auth/any", headers=sent_along)
        with statements() as sent:
            second = http.get("/gateway/auth/any", headers=sent_along)
        assert (second.status_code, sent) == (200, [])
        left = [int(each.headers["X-RateLimit-Remaining"]) for each in (first, second)]
        assert left == [999, 998]

    def test_our_own_api_looks_every_time(self, http: FlaskClient, alice: Person, statements: Any) -> None:
        sent_along = {"Authorization": f"Bearer {api_key(alice)()}"}
        http.get("/v1/me", headers=sent_along)
        with statements() as sent:
            assert http.get("/v1/me", headers=sent_along).status_code == 200
        assert len(sent) >= 1
