"""The same thing done by many threads at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def in_parallel(count: int, work: Callable[[], T], *, threads: int = 12) -> list[T]:
    """Call `work` so many times; the first calls start together."""
    gate = threading.Barrier(min(threads, count))
    started = threading.local()

    def call(_number: int) -> T:
        if not hasattr(started, "yes"):
            started.yes = True
            gate.wait(timeout=10)
        return work()

    with ThreadPoolExecutor(min(threads, count)) as pool:
        return list(pool.map(call, range(count)))
