"""Where a token request is answered: on the loop if nothing may have to be waited for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask

from authserver.domain.clients import clients, throttle
from authserver.domain.ground import cache, usage
from authserver.domain.limits import rate_limits, token_budget
from authserver.domain.tokens import issuance
from authserver.edge import arriving, lane, pools
from authserver.edge.front import Front
from authserver.lib import jwt, rooms
from authserver.lib.rooms import Elsewhere
from tests.edge.test_front import Protocol, scope
from tests.support import protocol
from tests.support.protocol import App

LIMITS = pytest.mark.parametrize("overrides", [{"rate_limit_token": "off"}], ids=["no limit"])
OWN = {"grant_type": "client_credentials"}


def asked(app: App, fields: dict[str, str] = OWN, **headers: str) -> tuple[Any, bytes]:
    body = urlencode(fields).encode()
    given = {"content-type": protocol.FORM, "content-length": str(len(body)), **app.basic, **headers}
    return scope(*given.items(), method="POST", path="/oauth/token"), body


def place(app: Flask, sent: tuple[Any, bytes]) -> str:
    incoming = arriving.read(sent[0], "192.0.2.7")
    incoming.body = sent[1]
    return lane.of(app).place(incoming)[0].name


@pytest.fixture
def met(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The threads in which tokens were signed."""
    found: list[str] = []
    sign = jwt.sign

    def watched(*given: Any) -> str:
        found.append(threading.current_thread().name)
        return sign(*given)

    monkeypatch.setattr(jwt, "sign", watched)
    yield found


def serve(app: Flask, *sent: tuple[Any, bytes]) -> list[Protocol]:
    """The answers to requests, one after the other."""
    told = [Protocol(body) for _, body in sent]

    async def go() -> None:
        front: Any = Front(app, threads=1, place=lane.of(app).place)
        for (each, _), end in zip(sent, told, strict=True):
            await front.__rsgi__(each, end)

    asyncio.run(go())
    return told


@LIMITS
def test_a_clients_own_token_is_signed_on_the_loop_once_the_client_is_known(
    app: Flask, web_app: App, met: list[str]
) -> None:
    cache.reset()
    told = serve(app, asked(web_app), asked(web_app))
    assert [each.status for each in told] == [200, 200]
    assert met == ["protocol-0", threading.main_thread().name]


@LIMITS
@pytest.mark.parametrize(
    ("fields", "headers", "room"),
    [
        ({"grant_type": "refresh_token", "refresh_token": "x"}, {}, "protocol"),
        (OWN | {"scope": "a" * 3000}, {}, "warm"),
        (OWN, {"authorization": "Basic " + "a" * 3000}, "warm"),
        (OWN, {}, "instant"),
    ],
    ids=["of a person", "a long body", "a long header", "its own"],
)
def test_what_takes_long_to_read_or_needs_rows_is_kept_off_the_loop(
    app: Flask, web_app: App, fields: dict[str, str], headers: dict[str, str], room: str
) -> None:
    assert place(app, asked(web_app, fields, **headers)) == room


def test_what_is_counted_is_kept_off_the_loop(app: Flask, web_app: App) -> None:
    assert place(app, asked(web_app)) == "warm"


def test_nothing_is_counted_on_the_loop(app: Flask) -> None:
    with rooms.entered(pools.INSTANT), pytest.raises(Elsewhere) as moved:
        token_budget.spend_of_client("a client")
    assert moved.value.room == "warm"
    with rooms.entered(pools.WARM):
        token_budget.spend_of_client("a client")


@LIMITS
def test_a_wrong_secret_that_began_on_the_loop_is_counted_once(app: Flask, web_app: App) -> None:
    wrong = App(web_app.id, "not its secret")
    assert serve(app, asked(web_app), asked(wrong))[1].status == 401
    state = rate_limits.peek("client-authentication", throttle._bucket(web_app.id, "192.0.2.7"), "100/minute")
    assert state.remaining == 99
    assert usage._counts[next(key for key in usage._counts if key[1] == usage.REFUSALS)] == 1


@LIMITS
def test_a_secret_that_this_worker_does_not_know_yet_moves_before_another_is_waited_for(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread that reads the versions may wait for a database that hangs."""
    monkeypatch.setattr(cache, "_background", True)
    with cache._renewing, rooms.entered(pools.INSTANT), pytest.raises(Elsewhere):
        cache.forget()


def test_an_apps_first_token_that_writes_a_row_moves_before_it_is_counted(app: Flask) -> None:
    facts = clients.get(protocol.register(self_registered=True).id)
    for room in (pools.INSTANT, pools.WARM):
        with rooms.entered(room), pytest.raises(Elsewhere):
            issuance.prepare(facts, ())
