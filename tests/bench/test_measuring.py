"""Slices go in turns, each with its own figures; the hot endpoints answer as `make bench` asks them."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from bench import contenders, endpoints, load, measuring, processes
from bench.contenders import TRIVIAL, Contender
from bench.load import Result
from tests.support import served


def test_contenders_take_turns_and_another_one_begins_each(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[int] = []

    def run(port: int, talks: Any, seconds: float) -> Result:
        ran.append(port)
        return Result(port, 1.0, latencies=[0.001])

    monkeypatch.setattr(load, "run", run)
    fields = [Contender(str(port), port, {"JWKS": lambda connections: []}, []) for port in (1, 2)]
    found = measuring.measured(fields, "JWKS", 16, seconds=1.0, rounds=3)
    assert ran == [1, 2, 1, 2, 2, 1, 1, 2]  # a warm-up, then three turns
    assert [(row.shown()["slices"], row.shown()["per second"]) for row in found] == [([1.0] * 3, 1.0), ([2.0] * 3, 2.0)]


def test_the_yardstick_comes_first_and_endpoints_are_chosen_by_a_part_of_their_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(load, "run", lambda *_: Result(1, 1.0, latencies=[0.001]))
    fields = [
        Contender("ours", 1, dict.fromkeys(("token, JWT", "JWKS"), lambda connections: []), []),
        Contender(TRIVIAL, 2, {TRIVIAL: lambda connections: []}, []),
    ]
    found = [
        (row["endpoint"], row["contender"], row["connections"])
        for rows in measuring.rows(fields, [16, 64], seconds=1.0, rounds=1, only="TOKEN")
        for row in rows
    ]
    assert found == [
        (endpoint, name, count) for count in (16, 64) for endpoint, name in ((TRIVIAL, TRIVIAL), ("token, JWT", "ours"))
    ]


def test_work_is_that_of_a_process_and_all_that_it_started() -> None:
    before = processes.worked([os.getpid()])
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    assert 0.15 < processes.since(before, processes.worked([os.getpid()])) < 5
    assert os.getpid() in processes.tree(os.getppid())


@pytest.mark.served
@pytest.mark.long_more
@pytest.mark.parametrize("kind", served.KINDS)
def test_every_hot_endpoint_answers_what_is_asked_of_it(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "SUPPLY", 16)
    with contenders.ours(kind, kind, workers=1, threads=2) as ours:
        rows = [row for found in measuring.rows([ours], [2], seconds=0.05, rounds=1) for row in found]
        assert ours.server is not None and ours.server.errors() == []
    assert [row["endpoint"] for row in rows] == list(ours.talks)
    assert [(row["endpoint"], row["statuses"]) for row in rows if row["refused"] or not row["requests"]] == []
    assert all(row["CPU ms"] > 0 and row["p50"] > 0 for row in rows)
    assert any(row["CPU ms of the database"] > 0 for row in rows) == (kind == "postgresql")
