"""Counters: written in batches, added up by several processes, and never lost."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from authserver import database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.ground import usage
from authserver.lib import clock
from authserver.models import ApiKey
from authserver.observability import context
from tests.conftest import Person
from tests.support import races

NOON = 1_800_000_000 // 86_400 * 86_400 + 12 * 3600


@pytest.fixture(autouse=True)
def _nothing_gathered(app: Flask) -> None:
    usage._counts.clear()
    usage._uses.clear()


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    return lambda now: monkeypatch.setattr(clock, "now", lambda: now)


def test_counting_sends_no_statement(app: Flask, statements: Callable[[], Any]) -> None:
    with statements() as sent:
        usage.count(usage.TOKENS, "client:a")
    assert sent == []


def test_what_was_counted_is_there_after_a_flush(app: Flask) -> None:
    usage.count(usage.TOKENS, "client:a", 3)
    usage.count(usage.TOKENS, "client:b")
    usage.flush()
    assert usage.total(usage.TOKENS, since=clock.now()) == 4
    assert usage.total(usage.TOKENS, since=clock.now(), subjects=["client:a"]) == 3
    assert usage.total(usage.TOKENS, since=clock.now(), subjects=[]) == 0


def test_flushes_add_up(app: Flask) -> None:
    for _ in range(3):
        usage.count(usage.TOKENS, "client:a")
        usage.flush()
    assert usage.total(usage.TOKENS, since=clock.now()) == 3


def test_a_flush_is_a_statement_for_hundreds_of_counters(app: Flask, statements: Callable[[], Any]) -> None:
    for number in range(400):
        usage.count(usage.TOKENS, f"client:{number}")
    with statements() as sent:
        usage.flush()
    assert len([each for each in sent if "usage_counts" in each]) == 1
    assert usage.total(usage.TOKENS, since=clock.now()) == 400


def test_a_flush_that_fails_keeps_everything_for_the_next(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    usage.count(usage.TOKENS, "client:a", 2)

    def fail() -> Any:
        raise OSError

    with monkeypatch.context() as broken:
        broken.setattr(database, "transaction", fail)
        usage.flush()
        usage.count(usage.TOKENS, "client:a")
    usage.flush()
    assert usage.total(usage.TOKENS, since=clock.now()) == 3


def test_threads_that_count_while_others_flush_lose_nothing(app: Flask) -> None:
    def work() -> None:
        for number in range(300):
            usage.count(usage.TOKENS, "client:a")
            if number % 100 == 0:
                usage.flush()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    usage.flush()
    assert usage.total(usage.TOKENS, since=clock.now() - 60) == 1800


def test_workers_that_flush_the_same_rows_neither_lose_counts_nor_wait_in_a_circle(app: Flask, alice: Person) -> None:
    keys = [api_keys.create(alice.user, api_keys.Wish(f"CI {number}", "read_only"))[0].id for number in range(6)]
    hour = clock.now() // usage.HOUR * usage.HOUR
    mixed = random.Random(7)

    def flush() -> None:
        for _ in range(8):
            clients, used = mixed.sample(range(60), 60), mixed.sample(keys, len(keys))
            counts = {(hour, usage.TOKENS, f"client:{each}"): 1 for each in clients}
            usage._write(counts, {("api_keys", each): (clock.now(), "10.1.2.3") for each in used})
            assert counts == {}

    races.in_parallel(6, flush, threads=6)
    assert usage.total(usage.TOKENS, since=hour) == 6 * 8 * 60
    assert {api_keys.get(alice.id, each).last_used_ip for each in keys} == {"10.1.2.3"}


def test_a_last_use_waits_for_nobody_who_holds_its_row_and_is_noted_later(app: Flask, alice: Person) -> None:
    if database.dialect() == "sqlite":
        return  # a writer holds everything there
    held, free = (api_keys.create(alice.user, api_keys.Wish(name, "read_only"))[0].id for name in ("held", "free"))
    with database.transaction() as session:
        session.execute(select(ApiKey.id).where(ApiKey.id == held).with_for_update())
        for each in (held, free):
            usage.note_used("api_keys", each)
        usage.flush()  # would wait for itself
        assert [api_keys.get(alice.id, each).last_used_at is None for each in (held, free)] == [True, False]
    usage.flush()
    assert api_keys.get(alice.id, held).last_used_at is not None


def test_a_last_use_of_what_is_gone_is_not_kept_for_ever(app: Flask, at: Callable[[int], None]) -> None:
    at(NOON)
    usage.note_used("api_keys", "key_gone")
    usage.flush()
    assert len(usage._uses) == 1
    at(NOON + 2 * usage.LATE_SECONDS)
    usage.flush()
    assert usage._uses == {}


def test_a_flush_waits_for_one_that_is_under_way(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a process could end while its last figures are still on their way."""
    entered, release, order = threading.Event(), threading.Event(), []

    def slow(*_: Any) -> None:
        entered.set()
        assert release.wait(5)
        order.append("written")

    monkeypatch.setattr(usage, "_write", slow)
    usage.count(usage.TOKENS)
    writer = threading.Thread(target=usage.flush)
    writer.start()
    assert entered.wait(5)
    ending = threading.Thread(target=lambda: (usage.flush(), order.append("ended")))  # type: ignore[func-returns-value]
    ending.start()
    release.set()
    writer.join()
    ending.join()
    assert order == ["written", "ended"]


def test_a_forked_child_does_not_write_what_its_parent_gathered(app: Flask) -> None:
    usage.count(usage.TOKENS, "client:a")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(len(usage._counts)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 10) == b"0"
    assert len(usage._counts) == 1


def test_days_are_whole_and_without_gaps(app: Flask, at: Callable[[int], None]) -> None:
    for back, number in ((0, 5), (86_400, 7), (3 * 86_400, 2), (14 * 86_400, 100)):
        at(NOON - back)
        usage.count(usage.TOKENS, "client:a", number)
    at(NOON)
    usage.flush()
    days = usage.per_day(usage.TOKENS, days=14)
    assert [number for _, number in days] == [0] * 10 + [2, 0, 7, 5]
    assert days[-1][0] == NOON - 12 * 3600
    assert usage.per_day_of(usage.TOKENS, ["client:a", "client:z"], days=4) == {
        "client:a": [2, 0, 7, 5], "client:z": [0, 0, 0, 0],
    }  # fmt: skip


def test_a_total_has_an_end(app: Flask, at: Callable[[int], None]) -> None:
    for back in (0, 86_400, 2 * 86_400):
        at(NOON - back)
        usage.count(usage.TOKENS)
    usage.flush()
    assert usage.total(usage.TOKENS, since=NOON - 2 * 86_400, until=NOON) == 2


def test_the_last_use_of_a_key_is_written_with_its_address(app: Flask, alice: Person) -> None:
    key, _ = api_keys.create(alice.user, api_keys.Wish("CI", "read_only"))
    with context.using(context.Context(ip="10.1.2.3")):
        usage.note_used("api_keys", key.id)
    usage.flush()
    found = api_keys.get(alice.id, key.id)
    assert found.last_used_ip == "10.1.2.3"
    assert found.last_used_at == pytest.approx(clock.now(), abs=5)


def test_a_late_flush_of_an_older_use_does_not_win(app: Flask, alice: Person, at: Callable[[int], None]) -> None:
    key, _ = api_keys.create(alice.user, api_keys.Wish("CI", "read_only", expires_in=None))
    for now in (NOON, NOON - 100):
        at(now)
        usage.note_used("api_keys", key.id)
        usage.flush()
    assert api_keys.get(alice.id, key.id).last_used_at == NOON
