"""The demo's receiver of logout tokens checks what any app has to (Back-Channel Logout 1.0, section 2.6)."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from authserver import config
from authserver.domain.clients import clients
from authserver.domain.clients.metadata import Registration
from authserver.domain.demo import logout_receiver
from authserver.domain.signing import keys as signing_keys
from authserver.domain.tokens.backchannel_logout import EVENT, TYP
from authserver.lib import clock, jwt
from tests.conftest import Person

Change = dict[str, Any]


@pytest.fixture
def client_id(app: Flask, alice: Person) -> str:
    wanted = Registration(name="Notes", kind="spa", redirect_uris=("https://notes.example.com/callback",))
    return clients.register(alice.user, wanted)[0].id


def signed(client_id: str, change: Change, typ: str = TYP) -> str:
    now = clock.now()
    claims = {
        "iss": config.current().issuer, "aud": client_id, "iat": now, "exp": now + 120, "jti": "one",
        "events": {EVENT: {}}, "sid": "one", **change,
    }  # fmt: skip
    said = {name: value for name, value in claims.items() if value is not None}
    return jwt.sign(signing_keys.signer("RS256"), said, typ)


def test_a_good_token_is_kept_for_who_knows_the_sign_in(client_id: str) -> None:
    token = signed(client_id, {"sid": "a sign-in of its own"})
    found = logout_receiver.take(token)
    assert found is not None and found.client_id == client_id
    assert [each.token for each in logout_receiver.of("a sign-in of its own")] == [token]
    assert logout_receiver.of("another") == []


WRONG: list[Change] = [
    {"iss": "https://other.example"}, {"aud": "nobody"}, {"aud": None}, {"exp": 1}, {"exp": None}, {"events": {}},
    {"events": None}, {"nonce": "n"}, {"sid": None},
]  # fmt: skip


@pytest.mark.parametrize("change", WRONG, ids=str)
def test_a_wrong_one_is_refused(client_id: str, change: Change) -> None:
    assert logout_receiver.take(signed(client_id, change)) is None


def test_an_id_token_and_garbage_are_none(client_id: str) -> None:
    assert logout_receiver.take(signed(client_id, {}, typ="JWT")) is None
    assert logout_receiver.take("garbage") is None
