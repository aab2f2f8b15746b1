"""The database leads this process's clock (contract 11.41)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from authserver import database
from authserver.domain.ground import cache, horizon, last_runs, timekeeping
from authserver.lib import clock

MINUTE = 60_000_000


@pytest.fixture(autouse=True)
def held() -> Iterator[None]:
    clock.hold()
    yield
    clock.release()


def ahead_us() -> int:
    """By how much ours is ahead of the machine's."""
    return clock.now_us() - clock.wall_us()


def test_the_first_answer_is_taken_as_it_is(app: Flask) -> None:
    timekeeping.hear(clock.wall_us() - 600 * MINUTE, clock.now_us())
    assert abs(ahead_us() + 600 * MINUTE) < MINUTE


@pytest.mark.parametrize(("gap", "moved"), [(30, 30), (-30, 0), (0.05, 0)])
def test_a_difference_below_a_minute_is_made_up_ahead_at_once_and_never_back(
    app: Flask, gap: float, moved: float
) -> None:
    timekeeping.hear(clock.now_us(), clock.now_us())
    timekeeping.hear(round(clock.now_us() + gap * 1_000_000), clock.now_us())
    assert abs(ahead_us() / 1_000_000 - moved) < 0.5


def test_a_database_whose_clock_jumps_is_not_followed_while_the_machine_sides_with_us(app: Flask) -> None:
    timekeeping.hear(clock.now_us(), clock.now_us())
    timekeeping.hear(clock.now_us() + 600 * MINUTE, clock.now_us())
    assert abs(ahead_us()) < 1_000_000


def test_a_process_that_stood_still_follows_when_both_others_agree(app: Flask) -> None:
    timekeeping.hear(clock.now_us(), clock.now_us())
    clock.start(clock.wall_us() - 60 * MINUTE)
    timekeeping.hear(clock.wall_us(), clock.now_us())
    assert abs(ahead_us()) < 1_000_000


def test_processes_that_share_a_file_go_by_one_line_until_the_last_has_ended(app: Flask) -> None:
    if database.dialect() != "sqlite":
        return
    clock.start(clock.wall_us() - 60 * MINUTE)
    timekeeping.go_on()
    clock.hold()
    timekeeping.learn()
    assert abs(ahead_us() + 60 * MINUTE) < MINUTE
    timekeeping.let_go()
    clock.hold()
    timekeeping.learn()
    assert abs(ahead_us()) < MINUTE


def test_postgresql_is_heard_with_the_versions(app: Flask) -> None:
    if database.dialect() != "postgresql":
        return
    clock.start(clock.wall_us() - 60 * MINUTE)
    cache.forget()
    cache.current_version("clients")
    assert abs(ahead_us()) < MINUTE


def test_a_leap_ahead_is_not_believed_by_who_deletes_until_a_process_went_by_it_for_an_hour(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now()
    last_runs.note(last_runs.HORIZON, now - 2 * horizon.LEAP)
    assert horizon.passed() == now - 2 * horizon.LEAP
    monkeypatch.setattr(horizon, "_began_us", clock.steady_us() - horizon.SURE_US)
    assert horizon.passed() >= now
    assert last_runs.known()[last_runs.HORIZON] >= now
