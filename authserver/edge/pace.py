"""Pages give way to machines that ask without a pause: one interpreter answers everybody in a worker.

They get a part of its time that leaves tokens at their rate then; else they get all that they want.
"""

from __future__ import annotations

import threading
import time

# Of the interpreter's seconds, while machines ask without a pause.
SHARE = 0.12
# Over how many seconds it is judged whether they do, and the longest pause before a page.
WINDOW = 0.2
LONGEST = 1.0
# What a page is taken to cost before one was seen, in seconds of work.
FIRST_GUESS = 0.01


class Pace:
    """How pages follow each other. `begin` and `end` are of one thread alone, the loop's; the others of anybody."""

    def __init__(self) -> None:
        self._inside, self._since, self._total = 0, 0.0, 0.0
        self._gate, self._lock = threading.Lock(), threading.Lock()
        self._seen = (time.monotonic(), 0.0)
        self._share, self._cost, self._free_at = 1.0, FIRST_GUESS, 0.0

    def begin(self) -> None:
        """A machine asks."""
        if not self._inside:
            self._since = time.monotonic()
        self._inside += 1

    def end(self) -> None:
        """A machine has its answer."""
        self._inside -= 1
        if not self._inside:
            self._total += time.monotonic() - self._since

    def wait(self) -> float:
        """Wait for the turn of a page, one after the other; what it is taken to cost, for `spent`."""
        with self._gate:
            pause = self._free_at - time.monotonic()
            if pause > 0:
                time.sleep(min(pause, LONGEST))
            with self._lock:
                taken = self._cost
                self._free_at = time.monotonic() + taken / self._judged()
                return taken

    def spent(self, taken: float, cost: float) -> None:
        """A page cost so many seconds of work instead of those it was taken to cost."""
        with self._lock:
            self._cost += (cost - self._cost) / 8
            self._free_at += (cost - taken) / self._judged()

    def _judged(self) -> float:
        """The share of pages now: what machines leave, and never less than SHARE."""
        now = time.monotonic()
        began, before = self._seen
        if now - began >= WINDOW:
            total = self._total + (now - self._since if self._inside else 0.0)
            self._seen = (now, total)
            self._share = min(1.0, max(SHARE, 1 - (total - before) / (now - began)))
        return self._share
