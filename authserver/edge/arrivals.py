"""When a request arrived, at the earliest: one that waited for a free thread came before it was picked up.

WSGI tells only when a thread takes a request. A request that found a thread free arrived just now. One that was taken
while the pool was full, or right after a thread came free, may have waited since the pool was last really free.
"""

from __future__ import annotations

import threading

from authserver.lib import clock

# A thread that lay idle for this long had nothing waiting for it.
IDLE_US = 20_000


class Arrivals:
    """Counts the busy threads of this process. All times are epoch microseconds."""

    def __init__(self, threads: int) -> None:
        self._lock = threading.Lock()
        self._threads = threads
        self._busy = 0
        self._free_since = 0
        self._last_free = 0

    def enter(self) -> int:
        """A thread takes a request: the earliest moment at which that can have arrived."""
        now = clock.now_us()
        with self._lock:
            waited = self._busy >= self._threads or now - self._free_since < IDLE_US
            arrived = self._last_free if waited else now
            self._busy += 1
            if self._busy >= self._threads and not waited:
                self._last_free = now
        return arrived

    def leave(self) -> None:
        """A thread is done with its request."""
        with self._lock:
            if self._busy == self._threads:
                self._free_since = clock.now_us()
            self._busy -= 1
