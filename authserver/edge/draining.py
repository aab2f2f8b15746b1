"""Whether this process is about to stop: readiness says so first, and no connection is kept for another request."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

_started = False


def begin() -> None:
    """From now on this process is not ready."""
    global _started
    _started = True


def started() -> bool:
    """Whether the end has begun."""
    return _started


def follow(wait: Callable[[], Any]) -> None:
    """Begin as soon as `wait` returns; a thread waits for it."""

    def watch() -> None:
        wait()
        begin()

    threading.Thread(target=watch, name="draining", daemon=True).start()
