"""Who finds a room full, or the origins of apps out of reach, gets a whole answer without anybody waiting."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import meta
from sqlalchemy.exc import OperationalError
from werkzeug.test import EnvironBuilder

from authserver.domain.clients import cors_origins
from authserver.domain.ground import cache
from authserver.edge import exchange, lane, pools
from authserver.edge.exchange import Outgoing
from authserver.edge.front import Front
from authserver.edge.pools import PROTOCOL, Size
from authserver.edge.turned_away import TurnedAway
from authserver.lib import rooms
from tests.edge.test_front import Protocol, scope

ASKED = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}


def turned_away(app: Flask, path: str, method: str = "POST", **headers: str) -> Outgoing:
    """What the loop says to a request that nobody takes."""
    environ = EnvironBuilder(path=path, method=method, headers=headers).get_environ()
    with rooms.entered(pools.INSTANT):
        return TurnedAway(app, lane.of(app))(exchange.read(environ))


@pytest.fixture
def cold(app: Flask) -> Iterator[None]:
    """Nothing is at hand that the loop could answer with."""
    cache.reset()
    yield


@pytest.mark.usefixtures("cold")
@pytest.mark.parametrize(("method", "headers"), [("POST", {"Origin": "https://app.example"}), ("OPTIONS", ASKED)])
def test_the_loop_waits_for_no_origins_of_apps(app: Flask, method: str, headers: dict[str, str]) -> None:
    told = turned_away(app, "/oauth/token", method, **headers)
    given = dict(told.headers)
    assert told.status == 503 and given["Retry-After"] and given["X-Request-Id"]
    assert "Access-Control-Allow-Origin" not in given


def test_pages_below_a_path_of_the_issuer_are_told_so_too(app: Flask) -> None:
    assert b"Busy right now" in turned_away(app, "/apps", "GET").body


def test_a_preflight_is_a_clean_503_while_the_origins_cannot_be_read(
    http: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_key: str) -> Any:
        raise OperationalError("SELECT", {}, Exception("the database is away"))

    monkeypatch.setattr(cors_origins._cache, "_load", away)
    cors_origins._cache.clear()
    answer = http.options("/oauth/token", headers=ASKED)
    assert answer.status_code == 503 and answer.headers["Retry-After"] and answer.json
    assert answer.json["error"] == "temporarily_unavailable"
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Access-Control-Allow-Methods" not in answer.headers


@pytest.mark.usefixtures("installed")
def test_a_fault_in_turning_away_costs_the_room_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is answered all the same, and the room goes on."""
    monkeypatch.setattr(pools, "sizes", lambda _threads: {PROTOCOL: Size(1, 0)})
    go_on = threading.Event()

    def app(_environ: Any, start_response: Any) -> list[bytes]:
        go_on.wait(5)
        start_response("200 OK", [])
        return [b""]

    def broken(_environ: Any) -> Outgoing:
        raise RuntimeError("a fault of ours")

    told = [Protocol() for _ in range(3)]

    async def ask() -> None:
        server: Any = Front(app, threads=1, full=broken)
        first = asyncio.ensure_future(server.__rsgi__(scope(), told[0]))
        await asyncio.sleep(0.05)
        await server.__rsgi__(scope(), told[1])
        go_on.set()
        await first
        give_up = time.monotonic() + 5
        while told[2].status != 200 and time.monotonic() < give_up:  # the thread is free a moment later
            await server.__rsgi__(scope(), told[2])

    asyncio.run(ask())
    assert [each.status for each in told] == [200, 503, 200]


def test_the_page_made_beforehand_reads_none_of_the_large_collections_of_macros(app: Flask) -> None:
    """A worker makes it while it starts."""
    source, read = app.jinja_env, set[str]()
    for name in source.list_templates():
        if name in {"errors/full.html", "layouts/base.html"} or name.startswith("macros/cop"):
            text = source.loader.get_source(source, name)[0]  # type: ignore[union-attr]  # it has one
            read |= set(meta.find_referenced_templates(source.parse(text))) - {None}  # type: ignore[arg-type]
    assert read == {"layouts/base.html", "macros/icons.html", "macros/copying.html"}
