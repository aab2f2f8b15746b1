"""A request that waited for a thread arrived before it was picked up."""

from __future__ import annotations

import time_machine

from authserver.edge.arrivals import LONGEST_WAIT_US, Arrivals

START = 1_800_000_000


def enter(arrivals: Arrivals, ms: float) -> float:
    """A request is taken at so many milliseconds: its arrival, in milliseconds."""
    with time_machine.travel(START + ms / 1000, tick=False):
        return round(arrivals.enter() / 1000 - START * 1000, 1)


def leave(arrivals: Arrivals, ms: float) -> None:
    with time_machine.travel(START + ms / 1000, tick=False):
        arrivals.leave()


def test_in_a_process_that_rested_it_arrived_now() -> None:
    assert enter(Arrivals(), 7) == 7


def test_one_after_the_other_arrives_as_it_comes() -> None:
    arrivals = Arrivals()
    for ms in range(0, 20, 4):
        assert enter(arrivals, ms) == ms
        leave(arrivals, ms + 2)


def test_one_that_is_taken_beside_others_may_have_come_with_the_first_of_them() -> None:
    arrivals = Arrivals()
    enter(arrivals, 0)
    assert enter(arrivals, 5) == 0
    leave(arrivals, 30)
    assert enter(arrivals, 31) == 0


def test_one_that_is_taken_right_after_another_was_waiting_for_its_thread() -> None:
    arrivals = Arrivals()
    enter(arrivals, 0)
    leave(arrivals, 30)
    assert enter(arrivals, 30.2) == 0


def test_a_server_that_never_rests_does_not_take_every_request_for_an_old_one() -> None:
    arrivals = Arrivals()
    enter(arrivals, 0)
    assert enter(arrivals, 60_000) == 60_000 - LONGEST_WAIT_US / 1000
