"""Whether the process can work is found out beside the requests, and said once for each change."""

from __future__ import annotations

import io
import json
import multiprocessing
import threading
import time
from collections.abc import Callable

import pytest
from flask import Flask

from authserver import config, database
from authserver.domain.running import revisions, standing, write_probe
from authserver.domain.running.standing import OK, Prober
from authserver.lib import clock
from authserver.observability import logs


@pytest.fixture
def said(app: Flask) -> Callable[[], list[str]]:
    """Events of the log so far."""
    stream = io.StringIO()
    logs.configure(config.current(), stream)
    logs._threshold = logs.LEVELS["info"]
    return lambda: [json.loads(line)["event"] for line in stream.getvalue().splitlines()]


def test_a_change_is_said_once(said: Callable[[], list[str]]) -> None:
    prober = Prober()
    prober.look()
    assert said() == []
    with database.transaction() as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    for _ in range(3):
        prober.look()
    assert said() == ["not_ready"]
    with database.transaction() as session:
        session.connection().exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revisions.newest()}'")
    for _ in range(3):
        prober.look()
    assert said() == ["not_ready", "ready_again"]


def test_what_all_processes_of_a_server_find_is_said_once(said: Callable[[], list[str]]) -> None:
    standing.share(multiprocessing.RawArray("c", standing.BOARD_BYTES))
    probers = [Prober() for _ in range(3)]
    for revision in (revisions.newest(), "0001", revisions.newest(), "0001"):
        with database.transaction() as session:
            session.connection().exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
        for prober in probers:
            prober.look()
    assert said() == ["not_ready", "ready_again", "not_ready"]
    Prober().look()
    assert said() == ["not_ready", "ready_again", "not_ready"], "nor by one that comes later"


def test_a_look_that_does_not_come_back_is_silence_and_whoever_asks_does_not_wait(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    prober, goes_on = Prober(), threading.Event()
    assert prober.look().ready
    monkeypatch.setattr(prober, "_look_at_database", lambda _checks: goes_on.wait(30))
    monkeypatch.setattr(standing, "PATIENCE_SECONDS", 0.2)
    looking = threading.Thread(target=prober.look)
    looking.start()
    time.sleep(0.05)
    assert prober.ask().ready, "slow is not silent yet"
    time.sleep(0.3)
    began = time.monotonic()
    assert prober.ask().checks["database"] == write_probe.SILENT
    assert time.monotonic() - began < 0.1
    goes_on.set()
    looking.join()


def test_it_is_looked_at_most_once_a_second_however_many_ask(app: Flask) -> None:
    prober = Prober()
    prober.look()
    looked: list[float] = []
    prober.look = lambda: looked.append(time.monotonic())  # type: ignore[method-assign,assignment,return-value]  # counts
    for _ in range(50):
        prober.ask()
        prober.tick()
    assert looked == []
    prober._ended -= 1
    prober.tick()
    deadline = time.monotonic() + 5
    while not looked and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(looked) == 1


def test_a_busy_pool_is_no_reason_for_not_being_ready(app: Flask) -> None:
    prober = Prober()
    prober.look()
    if database.dialect() == "sqlite":
        return  # as many connections as threads: its pool is never the end
    pool = database.engine().pool
    held = [database.engine().raw_connection() for _ in range(pool.size() + pool._max_overflow)]  # type: ignore[attr-defined]  # QueuePool has both
    try:
        assert prober.look().checks["database"] == OK
    finally:
        for each in held:
            each.close()


@pytest.mark.parametrize(("ahead", "ready"), [(0, True), (-30, True), (30, True), (61, False), (-61, False)])
def test_a_clock_a_minute_apart_from_the_databases_is_not_ready(
    app: Flask, monkeypatch: pytest.MonkeyPatch, ahead: int, ready: bool
) -> None:
    true = clock.now_us
    monkeypatch.setattr(clock, "now_us", lambda: true() + ahead * 1_000_000)
    found = Prober().look()
    if database.dialect() == "sqlite":  # there the two are one
        assert (found.ready, found.skew) == (True, 0)
        return
    assert found.ready is ready
    assert found.checks["clock"] == (OK if ready else standing.SKEWED)
    assert abs(found.skew - ahead) < 1
