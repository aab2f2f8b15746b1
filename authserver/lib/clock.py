"""The one clock. Everything that needs the time asks here, so that tests can move it.

What runs for long, and the command, `hold` it: from then on it goes by the machine's steady clock, which no jump of the
wall clock moves, and is led by another one: ahead at once or slowly, back only by going slower. So it never goes back.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

LEEWAY = 60
"""Seconds by which the clocks of two machines may differ (security.md section 1, "Clock")."""
NEAR = 5
"""Seconds by which the clocks of two nodes differ at most while all is well."""
JUMP = 26 * 3600
"""Seconds that what forbids (revoked, used) stays beyond its time: a clock that was set wrong by a day and back brings
nothing of it to life."""
SLEW = 0.1
"""By what part a held clock goes faster or slower while it is led."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A stretch of a held clock: what it said when the steady one said `since`, how far it has to be led. All µs."""

    since: int
    said: int
    to_go: int = 0

    def at(self, steady: int) -> int:
        elapsed = steady - self.since
        return self.said + elapsed + max(-int(elapsed * SLEW), min(self.to_go, int(elapsed * SLEW)))


_held: _Held | None = None


def now() -> int:
    """Seconds since the epoch, UTC."""
    held = _held
    return int(time.time()) if held is None else held.at(steady_us()) // 1_000_000


def now_us() -> int:
    """Microseconds since the epoch, UTC."""
    held = _held
    return int(time.time() * 1_000_000) if held is None else held.at(steady_us())


def wall_us() -> int:
    """What the machine's clock says, which jumps."""
    return now_us() if _held is None else time.time_ns() // 1000


def steady_us() -> int:
    """What passed since the machine started, the same for its processes, also while it slept."""
    return _STEADY() // 1000


def boot() -> str:
    """Names this run of the machine, in which all processes see the same steady clock; empty where nobody knows."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return ""


def is_held() -> bool:
    """Whether this process goes by the steady clock."""
    return _held is not None


def hold() -> None:
    """Go by the steady clock from now on, from what the wall clock says: for processes, not for tests."""
    start(time.time_ns() // 1000)


def start(at_us: int) -> None:
    """Go on from this time, whatever was before: for the first that is heard of the clock that leads."""
    global _held
    _held = _Held(steady_us(), at_us)


def lead(to_us: int, *, step: bool) -> None:
    """Go towards what another clock says now: ahead at once with `step`, else slowly; back always slowly."""
    global _held
    steady = steady_us()
    held = _held or _Held(steady, to_us)
    said = held.at(steady)
    gap = to_us - said
    _held = _Held(steady, to_us) if step and gap > 0 else _Held(steady, said, gap)


def release() -> None:
    """Go by the wall clock again, for tests."""
    global _held
    _held = None


def _boottime_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


_STEADY = _boottime_ns if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic_ns
