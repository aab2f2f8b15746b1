"""Rooms: threads of their own, queues that end, and what moves when it would have to wait."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from authserver import database, engines
from authserver.config import Settings
from authserver.edge import pools
from authserver.edge.front import Front
from authserver.edge.pools import INSTANT, OUTSIDE, PAGES, PROTOCOL, WARM, Pool, Size
from authserver.lib import rooms
from authserver.lib.rooms import Elsewhere
from tests.architecture import sources
from tests.edge.test_front import Protocol, scope

WAYS: list[Callable[[], Any]] = [database.transaction, database.reading, database.autocommit]


@pytest.mark.parametrize("room", [INSTANT, WARM], ids=lambda room: room.name)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_way_to_the_database_leads_from_a_room_without_it(room: rooms.Room, way: Callable[[], Any]) -> None:
    """It has none in this test: whoever got further would fail in another way."""
    with rooms.entered(room), pytest.raises(Elsewhere) as moved, way():
        pass
    assert moved.value.room == PROTOCOL.name


@pytest.mark.parametrize("room", [INSTANT, WARM, PROTOCOL, pools.API], ids=lambda room: room.name)
def test_nobody_elses_server_is_waited_for_where_others_would_wait_too(room: rooms.Room) -> None:
    with rooms.entered(room), pytest.raises(Elsewhere) as moved:
        rooms.about_to_ask_outside("owner")
    assert (moved.value.room, moved.value.whose) == (OUTSIDE.name, "owner")


def test_all_that_machines_do_not_wait_for_gives_way_to_them() -> None:
    """Beside these only what waits for somebody else's server, and readiness, which is asked for once in a while."""
    names = {room.name for room in (*pools.sizes(4), INSTANT)}
    assert names - pools.HURRIED - {OUTSIDE.name, pools.HEALTH.name} == pools.UNHURRIED == {"api", "pages", "exports"}


def test_outside_of_any_room_everything_may_be_waited_for() -> None:
    rooms.about_to_ask_database()
    rooms.about_to_ask_outside("owner")
    assert rooms.deadline() == 0


def test_what_is_long_in_the_making_has_a_room_beside_the_pages() -> None:
    with rooms.entered(PAGES), pytest.raises(Elsewhere) as moved:
        rooms.about_to_take_long()
    assert moved.value.room == pools.EXPORTS.name
    with rooms.entered(pools.EXPORTS):
        rooms.about_to_take_long()
    rooms.about_to_take_long()


def test_every_view_whose_answer_is_a_file_says_that_it_takes_long() -> None:
    """What is streamed from many rows is downloaded; a module that offers a download and says nothing is told here."""
    texts = {name: sources.read(name) for name in sources.modules() if name.startswith("authserver/")}
    offering = [name for name, text in texts.items() if "Content-Disposition" in text and "attachment" in text]
    silent = [name for name in offering if "about_to_take_long()" not in texts[name]]
    assert offering and silent == []


@pytest.mark.parametrize("threads", [1, 4, 32])
def test_every_thread_of_a_worker_finds_a_connection_at_once(settings: Settings, threads: int) -> None:
    """However few are kept: else pages that wait for a table would leave none for tokens."""
    wanted = pools.connections(threads)
    asking = [size.threads for room, size in pools.sizes(threads).items() if not room.database]
    assert wanted > sum(asking)
    built = engines.build(dataclasses.replace(settings, db_pool_size=1, threads=threads), connections=wanted)
    began = time.monotonic()
    try:
        with contextlib.ExitStack() as opened:
            for _ in range(wanted):
                opened.enter_context(built.connect())
    finally:
        built.dispose()
    assert time.monotonic() - began < 20


def test_every_room_that_one_moves_to_exists_and_may_wait_for_it() -> None:
    by_name = {room.name: room for room in pools.sizes(4)}
    for room in (INSTANT, *by_name.values()):
        assert not room.database or not by_name[room.database].database
        assert not room.outside or not by_name[room.outside].outside
        assert not room.long or not by_name[room.long].long


def test_a_full_queue_takes_nothing_more_and_is_free_again_afterwards() -> None:
    go_on = threading.Event()
    pool: Pool[int] = Pool(PAGES, Size(threads=1, waiting=2), lambda _job, _room: go_on.wait(5) and None)
    assert [pool.offer(number) for number in range(4)] == [True, True, True, False]
    go_on.set()
    give_up = time.monotonic() + 5
    while not pool.offer(0):
        assert time.monotonic() < give_up
        time.sleep(0.01)


def test_one_address_leaves_the_others_room_and_their_turn() -> None:
    go_on, done = threading.Event(), list[str]()

    def work(job: str, _room: rooms.Room) -> None:
        go_on.wait(5)
        done.append(job)

    pool: Pool[str] = Pool(PAGES, Size(threads=1, waiting=3, shared=True), work)
    assert [pool.offer("flood", "192.0.2.1") for _ in range(5)] == [True, True, True, True, False]
    assert [pool.offer("other", "192.0.2.2") for _ in range(3)] == [True, True, False]
    go_on.set()
    give_up = time.monotonic() + 5
    while len(done) < 6:
        assert time.monotonic() < give_up
        time.sleep(0.01)
    # One was at work, or not yet taken, when the others came.
    assert done.index("other") <= 2 and done[-1] == "flood"


def test_who_chose_slow_servers_leaves_threads_for_those_of_others() -> None:
    """`jwks_uri`s of many apps of one owner, each of which answers as late as it may."""
    slow, done = threading.Event(), list[str]()

    def work(job: str, _room: rooms.Room) -> None:
        if job == "slow":
            slow.wait(5)
        done.append(job)

    pool: Pool[str] = Pool(OUTSIDE, pools.sizes(4)[OUTSIDE], work)
    began = time.monotonic()
    for _ in range(8):
        assert pool.offer("slow", "mallory")
    for _ in range(4):
        assert pool.offer("quick", "alice")
    give_up = time.monotonic() + 4
    while len(done) < 4 and time.monotonic() < give_up:
        time.sleep(0.01)
    assert done == ["quick"] * 4 and time.monotonic() - began < 4
    slow.set()
    while len(done) < 12:
        assert time.monotonic() < give_up + 4, "those that were passed over have their turn, too"
        time.sleep(0.01)


def test_pages_and_what_is_outside_are_shared_and_what_machines_ask_for_is_not() -> None:
    assert {room.name for room, size in pools.sizes(4).items() if size.shared} == {PAGES.name, OUTSIDE.name}


ROOMS = {room.name: room for room in (INSTANT, PROTOCOL, PAGES)}


def ask(app: Any, name: str, *others: str) -> list[Protocol]:
    """The answers to requests that come at once, each placed in the room of its name."""
    told = [Protocol() for _ in (name, *others)]

    async def go() -> None:
        server: Any = Front(app, threads=1, place=lambda asked: (ROOMS[asked.path.strip("/")], None))
        asked = [server.__rsgi__(scope(path=f"/{each}"), end) for each, end in zip((name, *others), told, strict=True)]
        await asyncio.gather(*asked)

    asyncio.run(go())
    return told


def test_what_would_wait_on_the_loop_is_answered_in_a_thread_from_the_beginning() -> None:
    met: list[str] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        met.append(threading.current_thread().name)
        rooms.about_to_ask_database()
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]

    (told,) = ask(app, "instant")
    assert told.status == 200 and met == [threading.main_thread().name, "protocol-0"]


@pytest.mark.usefixtures("installed")
def test_a_room_that_is_full_says_when_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "sizes", lambda _threads: {PAGES: Size(1, 1), PROTOCOL: Size(1, 8)})

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/pages":
            time.sleep(0.3)
        start_response("200 OK", [])
        return [b""]

    told = ask(app, *["pages"] * 5, "protocol")
    assert sorted(each.status for each in told) == [200, 200, 200, 503, 503, 503]
    assert told[-1].status == 200
    assert all(dict(each.headers)["Retry-After"] == "1" for each in told if each.status == 503)
