"""Whose pages may call the API from a browser."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from flask import Flask

from authserver import create_app
from authserver.config import Settings
from tests.api.conftest import Caller, key_of
from tests.conftest import Person
from tests.support import own_jwts, protocol
from tests.support.protocol import App

MINE, OTHER, NOBODYS, OFF = (
    "https://app.example",
    "https://other.example",
    "https://evil.example",
    "https://off.example",
)
ALLOWED = "Access-Control-Allow-Origin"


@pytest.fixture
def mine() -> App:
    protocol.register(redirect_uris=[f"{OTHER}/cb"])
    protocol.register(redirect_uris=[f"{OFF}/cb"], disabled_at=1)
    return protocol.register(jwks=own_jwts.key_set(own_jwts.pair()))


@pytest.fixture
def token(mine: App, alice: Person) -> str:
    return str(protocol.tokens_for(alice.id, mine)["access_token"])


def test_an_answer_is_for_pages_of_the_app_that_the_token_belongs_to(call: Caller, token: str) -> None:
    for origin, allowed in ((MINE, MINE), (OTHER, None), (NOBODYS, None), (OFF, None), ("null", None)):
        for path in ("/v1/me", "/v1/clients", "/v1/nowhere"):  # an answer, a refusal of what it may, an unknown path
            answer = call("GET", path, token, Origin=origin)
            assert answer.headers.get(ALLOWED) == allowed, (origin, path)
            assert "Access-Control-Allow-Credentials" not in answer.headers
            assert "Origin" in answer.headers.getlist("Vary")


def test_a_jwt_of_the_app_is_a_token_of_it(call: Caller, mine: App) -> None:
    for origin, allowed in ((MINE, MINE), (OTHER, None)):
        assert call("GET", "/v1/me", own_jwts.own(mine.id), Origin=origin).headers.get(ALLOWED) == allowed


def test_api_keys_are_for_no_page(call: Caller, alice: Person, mine: App) -> None:
    key = key_of(alice)
    for sent in (key, key[:-1] + "x", "kaie_ak_x"):
        assert ALLOWED not in call("GET", "/v1/me", sent, Origin=MINE).headers


def test_a_refusal_of_nobody_in_particular_is_for_pages_of_any_app(call: Caller, mine: App) -> None:
    for sent in (None, "rubbish", "a.b.c"):
        for origin, allowed in ((MINE, MINE), (OTHER, OTHER), (NOBODYS, None), (OFF, None)):
            answer = call("GET", "/v1/me", sent, Origin=origin)
            assert answer.status == 401 and answer.headers.get(ALLOWED) == allowed, (sent, origin)
            assert "WWW-Authenticate" in answer.headers.get("Access-Control-Expose-Headers", "WWW-Authenticate")


def test_a_preflight_needs_no_credential(app: Flask, settings: Settings, mine: App) -> None:
    asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization,traceparent"}
    for server in (app, create_app(dataclasses.replace(settings, lane="off"))):
        for origin, allowed in ((MINE, MINE), (OTHER, OTHER), (NOBODYS, None), (OFF, None)):
            got: Any = server.test_client().options("/v1/api-keys/x", headers=asked | {"Origin": origin})
            assert (got.status_code, got.headers.get(ALLOWED)) == (204, allowed)
            assert ("PATCH" in got.headers.get("Access-Control-Allow-Methods", "")) == (allowed is not None)
