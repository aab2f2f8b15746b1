"""When a request arrived, at the earliest: one that waited for a free thread came before it was picked up.

WSGI tells only when a thread takes a request. In a process that rested, that is when it arrived. One that is taken
while others are at work, or right after they were, may have waited as long as the rush has lasted.
"""

from __future__ import annotations

import threading

from authserver.lib import clock

# Nobody was waiting if nothing happened for this long; a client that answers our answer takes longer than this.
REST_US = 1_000
# Nobody waits longer than this: on a server that never rests, what comes later is taken for what it is.
LONGEST_WAIT_US = 3_000_000


class Arrivals:
    """Follows the rushes of this process. All times are epoch microseconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy = 0
        self._rested_since = 0
        self._rush_began = 0

    def enter(self) -> int:
        """A thread takes a request: the earliest moment at which that can have arrived."""
        now = clock.now_us()
        with self._lock:
            if not self._busy and now - self._rested_since >= REST_US:
                self._rush_began = now
            self._busy += 1
            return max(self._rush_began, now - LONGEST_WAIT_US)

    def leave(self) -> None:
        """A thread is done with its request."""
        with self._lock:
            self._busy -= 1
            self._rested_since = clock.now_us()
