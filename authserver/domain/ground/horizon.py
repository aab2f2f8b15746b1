"""The time that has passed for sure, on every clock that is in play: what expired before it may go for good.

A clock that leaps ahead by more than a day is not believed until a process went by it for an hour: else one that starts
with a wrong date would delete what is good, and what forbids, before anybody has looked.
"""

from __future__ import annotations

from authserver.domain.ground import last_runs
from authserver.lib import clock

LEAP = 86_400
SURE_US = 3_600_000_000


def passed() -> int:
    """Up to when (epoch seconds) everything has passed; remembered, so that a leap is one for all processes."""
    now = clock.now()
    if not clock.is_held():
        return now
    now = min(now, clock.wall_us() // 1_000_000)
    known = last_runs.known().get(last_runs.HORIZON, now)
    if now - known > LEAP and clock.steady_us() - _began_us < SURE_US:
        return known
    last_runs.note(last_runs.HORIZON, now)
    return now


_began_us = clock.steady_us()
