"""A request that waited for a thread arrived before it was picked up."""

from __future__ import annotations

import time_machine

from authserver.edge.arrivals import Arrivals


def at(arrivals: Arrivals, ms: int) -> int:
    """Enter at so many milliseconds; the arrival in milliseconds."""
    with time_machine.travel(1_800_000_000 + ms / 1000, tick=False):
        return round(arrivals.enter() / 1000) - 1_800_000_000_000


def leave(arrivals: Arrivals, ms: int) -> None:
    with time_machine.travel(1_800_000_000 + ms / 1000, tick=False):
        arrivals.leave()


def test_with_a_thread_free_it_arrived_now() -> None:
    arrivals = Arrivals(threads=4)
    assert [at(arrivals, 0), at(arrivals, 1), at(arrivals, 2)] == [0, 1, 2]


def test_one_after_the_other_arrives_as_it_comes() -> None:
    arrivals = Arrivals(threads=4)
    for ms in range(0, 20, 2):
        assert at(arrivals, ms) == ms
        leave(arrivals, ms + 1)


def test_one_that_was_taken_when_a_full_pool_came_free_may_have_waited_since_it_filled() -> None:
    arrivals = Arrivals(threads=2)
    at(arrivals, 0)
    at(arrivals, 5)  # now the pool is full
    leave(arrivals, 30)
    assert at(arrivals, 31) == 5
    leave(arrivals, 60)
    assert at(arrivals, 61) == 5  # still the same crowd


def test_a_pool_that_rested_has_nobody_waiting() -> None:
    arrivals = Arrivals(threads=2)
    at(arrivals, 0)
    at(arrivals, 5)
    leave(arrivals, 30)
    assert at(arrivals, 100) == 100
