"""Answers that a worker repeats for a moment: to the same caller alone, and never past what ended them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import time_machine

from authserver.domain.api_keys import keys as api_keys
from authserver.domain.clients import endings
from authserver.domain.people import users
from authserver.domain.tokens import inspection, remembered, revocation
from authserver.domain.tokens.inspection import Inspection
from tests.conftest import Person
from tests.support.protocol import App, introspect, tokens_for

Statements = Callable[[], Any]


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"introspection_cache": 1000}


@pytest.fixture
def token(web_app: App, alice: Person) -> str:
    return str(tokens_for(alice.id, web_app)["access_token"])


def asked(token: str, caller: str = "client:a", ip: str = "10.0.0.1") -> Inspection | None:
    return remembered.inspect(token, caller, ip=ip)


def test_the_second_answer_costs_no_statement(token: str, statements: Statements) -> None:
    first = asked(token)
    with statements() as sent:
        assert asked(token) == first is not None
    assert sent == []


@pytest.mark.parametrize("other", [{"caller": "client:b"}, {"ip": "10.0.0.2"}])
def test_another_caller_or_address_is_answered_anew(token: str, statements: Statements, other: dict[str, str]) -> None:
    asked(token)
    with statements() as sent:
        asked(token, **other)
    assert len(sent) == 1


def test_what_is_no_good_is_looked_up_each_time(token: str, statements: Statements) -> None:
    with statements() as sent:
        assert asked(token[:-8] + "AAAAAAAA") is None
        assert asked("kaie_at_nothing") is None
    revocation.revoke(token, None, "test")
    with statements() as again:
        assert asked(token) is None
        assert asked(token) is None
    assert len(again) == 2 and len(sent) <= 1


@pytest.mark.parametrize(
    "end",
    [
        lambda token, web_app, alice: revocation.revoke(token, None, "test"),
        lambda token, web_app, alice: endings.disable(None, web_app.id),
        lambda token, web_app, alice: users.disable(alice.id),
    ],
    ids=["revoked", "app disabled", "person disabled"],
)
def test_nothing_is_repeated_once_it_ended(token: str, web_app: App, alice: Person, end: Callable[..., Any]) -> None:
    assert asked(token) is not None
    end(token, web_app, alice)
    assert asked(token) is None


def test_a_revoked_key_is_not_repeated(alice: Person) -> None:
    row, key = api_keys.create(alice.user, api_keys.Wish("CI", "read_only"))
    assert asked(key) is not None
    api_keys.revoke(None, row.id)
    assert asked(key) is None


def test_no_answer_outlives_its_moment_or_its_token(token: str, statements: Statements) -> None:
    found = asked(token)
    assert found is not None
    with time_machine.travel(found.claims["exp"], tick=False):
        assert asked(token) is None


def test_an_answer_that_was_under_way_when_something_ended_is_not_kept(
    token: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, ended = threading.Event(), threading.Event()
    inspect = inspection.inspect

    def slowly(*given: Any, **named: Any) -> Inspection | None:
        found = inspect(*given, **named)
        looked.set()
        assert ended.wait(10)
        return found

    monkeypatch.setattr(inspection, "inspect", slowly)
    other = threading.Thread(target=asked, args=(token,))
    other.start()
    assert looked.wait(10)
    revocation.revoke(token, None, "test")
    ended.set()
    other.join()
    assert asked(token) is None


def test_it_is_off_unless_asked_for() -> None:
    from authserver.config import Settings

    assert Settings().introspection_cache == 0


def test_the_endpoint_repeats_its_answer_and_ends_it(web_app: App, token: str, statements: Statements) -> None:
    first = introspect(web_app, token).json
    with statements() as sent:
        assert introspect(web_app, token).json["active"] is first["active"] is True
    assert sent == []
    revocation.revoke(token, None, "test")
    assert introspect(web_app, token).json == {"active": False}
