"""What people wait for gives way to machines that ask without a pause, and to nobody else."""

from __future__ import annotations

import threading
import time

import pytest

from authserver.edge import pace
from authserver.edge.pace import Machines, Turns

COST = 0.005


def asking(machines: Machines) -> None:
    """They ask, and have done so for a while."""
    machines.begin()
    time.sleep(pace.WINDOW * 1.5)


def turns(of: Turns, count: int) -> float:
    """How long so many turns of a known cost take, one after the other."""
    began = time.monotonic()
    for _ in range(count):
        of.spent(of.wait_at_most(1), COST)
    return time.monotonic() - began


def test_machines_that_ask_without_a_pause_leave_pages_their_share() -> None:
    machines = Machines()
    asking(machines)
    assert turns(Turns(machines), 12) > 10 * COST / pace.SHARE


def test_the_moment_in_which_the_next_request_is_on_its_way_is_no_pause() -> None:
    machines = Machines()
    for _ in range(200):
        machines.begin()
        machines.end()
        time.sleep(pace.SILENCE / 10)
    assert machines.busy() > 0.6


def test_machines_that_ask_now_and_then_are_no_hurry() -> None:
    machines = Machines()
    for _ in range(8):
        machines.begin()
        machines.end()
        time.sleep(pace.SILENCE * 5)
    assert machines.busy() < 0.2


def test_pages_get_all_again_once_machines_are_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "HELD", 0.1)
    machines = Machines()
    asking(machines)
    assert machines.busy() > 0.9
    machines.end()
    machines.busy()
    time.sleep(pace.WINDOW * 1.5)
    machines.busy()  # judges the window in which they fell silent
    time.sleep(pace.WINDOW * 1.5)
    assert machines.busy() == 0


def test_a_moment_of_silence_on_a_full_machine_is_no_pause() -> None:
    machines = Machines()
    asking(machines)
    assert machines.busy() > 0.9
    machines.end()
    time.sleep(pace.WINDOW * 1.5)
    assert machines.busy() > 0.9


def test_a_page_that_costs_a_lot_keeps_the_next_from_its_turn_for_a_moment_only() -> None:
    machines = Machines()
    asking(machines)
    heavy = Turns(machines)
    heavy.spent(heavy.wait_at_most(1), 30.0)
    began = time.monotonic()
    heavy.wait_at_most(0.2)
    assert 0.1 < time.monotonic() - began < 5


def test_a_turn_that_would_come_too_late_is_told_at_once() -> None:
    machines = Machines()
    asking(machines)
    hashes = Turns(machines)
    hashes.spent(hashes.wait_at_most(1), 1.0)
    began = time.monotonic()
    assert hashes.wait(2.0) is None
    assert time.monotonic() - began < 1
    machines.end()


@pytest.mark.parametrize(("cores", "least", "most"), [(0.5, pace.SHARE, 1), (1, pace.SHARE, 1), (2, 1, 2), (4, 3, 4)])
def test_hashes_have_every_core_but_the_one_of_machines(cores: float, least: float, most: float) -> None:
    machines = Machines()
    quiet = pace.hashing_turns(machines, cores)
    assert quiet._rate() == most
    asking(machines)
    assert quiet._rate() == pytest.approx(least, abs=0.1 * most)


def test_turns_that_are_wanted_together_come_one_after_the_other() -> None:
    """Else all of them would work at once, and a token would wait for each of their turns at the interpreter."""
    machines, met = Machines(), list[float]()
    asking(machines)
    busy = Turns(machines)
    busy.spent(busy.wait_at_most(1), COST)
    threads = [threading.Thread(target=lambda: busy.wait_at_most(1) and met.append(time.monotonic())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    gaps = [after - before for before, after in zip(sorted(met), sorted(met)[1:], strict=False)]
    assert min(gaps) > COST
