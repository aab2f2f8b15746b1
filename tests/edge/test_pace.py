"""Pages give way to machines that ask without a pause, and to nobody else."""

from __future__ import annotations

import threading
import time

import pytest

from authserver.edge import pace
from authserver.edge.pace import Pace

COST = 0.005


def turns(of: Pace, count: int) -> float:
    """How long so many pages of a known cost take, one after the other."""
    began = time.monotonic()
    for _ in range(count):
        of.spent(of.wait(), COST)
    return time.monotonic() - began


def test_machines_that_ask_without_a_pause_leave_pages_their_share() -> None:
    busy = Pace()
    busy.begin()
    time.sleep(pace.WINDOW * 1.5)
    assert turns(busy, 12) > 10 * COST / pace.SHARE


def test_nobody_waits_where_no_machine_asks() -> None:
    """Twelve pages at their cost, had they worked: nothing beside it."""
    quiet = Pace()
    time.sleep(pace.WINDOW * 1.5)
    turns(quiet, 1)
    waited = [quiet.wait() and quiet._share for _ in range(3)]
    assert set(waited) == {1.0}


def test_pages_get_all_again_once_machines_are_silent() -> None:
    once = Pace()
    once.begin()
    time.sleep(pace.WINDOW * 1.5)
    turns(once, 2)
    assert once._share == pace.SHARE
    once.end()
    time.sleep(pace.WINDOW * 1.5)
    turns(once, 2)  # the first one judges the window in which they fell silent
    time.sleep(pace.WINDOW * 1.5)
    turns(once, 1)
    assert once._share > 0.9


def test_a_page_that_costs_a_lot_keeps_the_next_from_its_turn_for_a_moment_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pace, "LONGEST", 0.2)
    heavy = Pace()
    heavy.begin()
    time.sleep(pace.WINDOW * 1.5)
    heavy.spent(heavy.wait(), 30.0)
    began = time.monotonic()
    heavy.wait()
    assert 0.1 < time.monotonic() - began < 5


def test_pages_that_come_together_take_turns() -> None:
    """Else all of them would work at once, and a token would wait for each of their turns at the interpreter."""
    busy, met = Pace(), list[float]()
    busy.begin()
    time.sleep(pace.WINDOW * 1.5)
    busy.spent(busy.wait(), COST)
    threads = [threading.Thread(target=lambda: busy.wait() and met.append(time.monotonic())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    gaps = [after - before for before, after in zip(sorted(met), sorted(met)[1:], strict=False)]
    assert min(gaps) > COST
