"""The one clock. Everything that needs the time asks here, so that tests can move it."""

import time

LEEWAY = 60
"""Seconds by which the clocks of two machines may differ (security.md section 1, "Clock")."""


def now() -> int:
    """Seconds since the epoch, UTC."""
    return int(time.time())


def now_us() -> int:
    """Microseconds since the epoch, UTC."""
    return int(time.time() * 1_000_000)
