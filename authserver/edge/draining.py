"""Whether this process is about to stop: readiness says so first, and no connection is kept for another request."""

from __future__ import annotations

from collections.abc import Callable

_started: Callable[[], bool] = bool


def follow(started: Callable[[], bool]) -> None:
    """Ask this from now on; it is called for every answer, so it has to be cheap."""
    global _started
    _started = started


def started() -> bool:
    """Whether the end has begun."""
    return _started()
