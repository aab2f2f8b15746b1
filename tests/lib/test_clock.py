"""The one clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import time_machine

from authserver.lib import clock


def test_now_is_whole_seconds_of_the_epoch() -> None:
    with time_machine.travel(1_700_000_000.75, tick=False):
        assert clock.now() == 1_700_000_000
        assert clock.now_us() == 1_700_000_000_750_000


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], None]]:
    """A steady clock that moves when told (seconds), and a held one that goes by it."""
    at = [0]
    monkeypatch.setattr(clock, "_STEADY", lambda: at[0])
    clock.start(1_000_000_000)
    yield lambda seconds: at.__setitem__(0, at[0] + round(seconds * 1e9))
    clock.release()


def test_a_held_clock_goes_by_the_steady_one_whatever_the_wall_clock_says(steady: Callable[[float], None]) -> None:
    with time_machine.travel(5, tick=False):
        steady(7)
        assert (clock.now_us(), clock.wall_us()) == (1_007_000_000, 5_000_000)


def test_it_is_led_ahead_at_once_and_back_only_by_going_slower(steady: Callable[[float], None]) -> None:
    clock.lead(1_005_000_000, step=True)
    assert clock.now_us() == 1_005_000_000
    clock.lead(1_004_000_000, step=True)
    assert clock.now_us() == 1_005_000_000
    steady(5)
    assert clock.now_us() == 1_009_500_000
    steady(5)
    steady(100)
    assert clock.now_us() == 1_114_000_000, "as far as it was led, and no farther"


def test_a_leap_ahead_that_is_no_step_is_made_slowly(steady: Callable[[float], None]) -> None:
    clock.lead(4_600_000_000, step=False)
    steady(10)
    assert clock.now_us() == 1_011_000_000
