"""A signature is verified once; that a token is still good is judged at each use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from authserver.domain.ground import cache
from authserver.domain.signing import keys as signing_keys
from authserver.domain.tokens import signatures
from authserver.lib import jwt
from authserver.lib.recent import Recent
from tests.conftest import Person
from tests.support import protocol
from tests.support.protocol import App, bearer, client_credentials, introspect, send, tokens_for


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Tokens whose signature was verified, as often as it was."""
    found: list[str] = []
    verify = jwt.verify

    def watched(token: str, *given: Any, **more: Any) -> dict[str, Any]:
        found.append(token)
        return verify(token, *given, **more)

    monkeypatch.setattr(jwt, "verify", watched)
    yield found


def is_active(app: App, token: str) -> bool:
    return bool(introspect(app, token).json["active"])


def test_the_same_token_is_verified_once(web_app: App, alice: Person, verified: list[str]) -> None:
    token = tokens_for(alice.id, web_app)["access_token"]
    answers = [introspect(web_app, token).json for _ in range(3)]
    assert answers[0] == answers[1] == answers[2] and answers[0]["active"]
    assert send("/oauth/userinfo", {}, bearer(token), method="GET").status == 200
    assert verified == [token]


def test_a_byte_that_differs_is_another_token(web_app: App) -> None:
    token = client_credentials(web_app).json["access_token"]
    assert is_active(web_app, token)
    head, _, signature = token.rpartition(".")
    changed = f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
    assert not is_active(web_app, changed) and is_active(web_app, token)


@pytest.mark.parametrize("what", ["the token", "its grant", "its client"])
def test_what_ended_is_over_at_once(web_app: App, alice: Person, what: str) -> None:
    tokens = tokens_for(alice.id, web_app)
    assert is_active(web_app, tokens["access_token"])
    other = protocol.register(introspect_all=True)
    if what == "its client":
        protocol.change(web_app, disabled_at=1)
    else:
        kind = "access_token" if what == "the token" else "refresh_token"
        assert send("/oauth/revoke", {"token": tokens[kind]}, web_app.basic).status == 200
    assert not is_active(other, tokens["access_token"])


def test_it_expires_in_the_second_that_it_names(web_app: App) -> None:
    token = client_credentials(web_app).json["access_token"]
    expires_at = protocol.claims(token)["exp"]
    assert is_active(web_app, token)
    with time_machine.travel(expires_at - 1, tick=False):
        assert is_active(web_app, token)
    with time_machine.travel(expires_at, tick=False):
        assert not is_active(web_app, token)


def test_a_key_that_leaked_takes_what_it_signed_with_it(web_app: App) -> None:
    token = client_credentials(web_app).json["access_token"]
    assert is_active(web_app, token)
    signing_keys.retire(jwt.peek_header(token)["kid"], at_once=True)
    assert not is_active(web_app, token)


def test_another_key_of_the_same_name_is_another_key(web_app: App, verified: list[str]) -> None:
    token = client_credentials(web_app).json["access_token"]
    assert is_active(web_app, token)
    cache.reset()
    assert is_active(web_app, token)
    assert len(verified) == 2


def test_what_was_not_signed_by_us_is_not_remembered(web_app: App) -> None:
    before = len(signatures._known)
    token = client_credentials(web_app).json["access_token"]
    for bad in (token[:-4] + "AAAA", token + "A", "eyJ.e30.e30"):
        assert not is_active(web_app, bad)
    assert len(signatures._known) == before


def test_only_so_many_are_remembered(web_app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "_known", Recent(4))
    for _ in range(9):
        assert is_active(web_app, client_credentials(web_app).json["access_token"])
    assert len(signatures._known) <= 4
