"""What people wait for gives way to machines: one interpreter, and often one core, answers everybody in a worker.

While machines ask without a pause, pages and password hashes begin one after the other and get a part of the time that
leaves tokens at their rate. Where machines leave time, pages and hashes have it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

from authserver.lib import password_hash

# Of a core's seconds, while machines ask without a pause.
SHARE = 0.06
# A machine that asks again so soon, in seconds, was never silent: at full rate it takes a moment to send the next.
SILENCE = 0.02
# Over how many seconds it is judged whether they do, and for how many the busiest of these counts: on a full machine
# the loop, or who asks, is held up now and then, which is no pause.
WINDOW = 0.2
HELD = 2.0
# What a turn is taken to cost before one was seen, in seconds of work.
FIRST_GUESS = 0.01
# However much machines ask, a page begins after so many seconds; and a long answer works for so many at a time.
LONGEST = 1.0
SLICE = 0.02


class Machines:
    """How much of the time machines ask. `begin` and `end` are of one thread alone, the loop's; `busy` of anybody."""

    def __init__(self) -> None:
        self._inside, self._since, self._until, self._total = 0, 0.0, 0.0, 0.0
        self._lock = threading.Lock()
        self._seen = time.monotonic(), 0.0
        self._judged: deque[tuple[float, float]] = deque()

    def begin(self) -> None:
        """A machine asks."""
        self._inside += 1
        if self._inside == 1 and (now := time.monotonic()) - self._until > SILENCE:
            self._total += self._until - self._since
            self._since = now

    def end(self) -> None:
        """A machine has its answer."""
        self._inside -= 1
        self._until = time.monotonic()

    def busy(self) -> float:
        """The part of the busiest of the last moments in which they asked, from 0 to 1."""
        now = time.monotonic()
        with self._lock:
            began, before = self._seen
            if now - began >= WINDOW:
                total = self._total + (now if self._inside else self._until) - self._since
                self._seen = now, total
                self._judged.append((now, min(1.0, max(0.0, (total - before) / (now - began)))))
            while self._judged and now - self._judged[0][0] > HELD:
                self._judged.popleft()
            return max((part for _, part in self._judged), default=0.0)


class Turns:
    """Who begins when, of one kind of work: `most` cores' seconds of it in a second, and `least` while machines ask."""

    def __init__(self, machines: Machines, *, least: float = SHARE, most: float = 1.0) -> None:
        self._machines, self._least, self._most = machines, least, most
        self._gate, self._lock = threading.Lock(), threading.Lock()
        self._cost, self._free_at = FIRST_GUESS, 0.0

    def wait(self, longest: float) -> float | None:
        """Wait for one's turn; what it is taken to cost, for `spent`. None if it would come after so many seconds."""
        give_up = time.monotonic() + longest
        if not self._gate.acquire(timeout=longest):
            return None
        try:
            return None if self._free_at > give_up else self._begun(self._free_at - time.monotonic())
        finally:
            self._gate.release()

    def wait_at_most(self, longest: float) -> float:
        """The same for work that begins then in any case, one after the other."""
        with self._gate:
            return self._begun(min(longest, self._free_at - time.monotonic()))

    def _begun(self, pause: float) -> float:
        time.sleep(max(0.0, pause))
        with self._lock:
            self._free_at = time.monotonic() + self._cost / self._rate()
            return self._cost

    def spent(self, taken: float, cost: float) -> None:
        """It cost so many seconds of work instead of those that it was taken to cost."""
        with self._lock:
            self._cost += (cost - self._cost) / 8
            self._free_at += (cost - taken) / self._rate()

    def _rate(self) -> float:
        busy = self._machines.busy()
        return busy * self._least + (1 - busy) * self._most


Pause = Callable[[], None]
"""Called between the pieces of a long answer: others have their turn."""


class Unhurried:
    """Work of requests in turns: a page has one, and a long answer another one for each slice."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    @contextlib.contextmanager
    def working(self) -> Iterator[Pause]:
        """From the turn in which a request begins to its end."""
        taken, began = self._turns.wait_at_most(LONGEST), _worked()

        def pause() -> None:
            nonlocal taken, began
            if _worked() - began > SLICE:
                self._turns.spent(taken, _worked() - began)
                taken, began = self._turns.wait_at_most(LONGEST), _worked()

        try:
            yield pause
        finally:
            self._turns.spent(taken, _worked() - began)


def _worked() -> float:
    """What this thread has worked, in seconds of a core; hashes have turns of their own."""
    return time.thread_time() - password_hash.seconds()


def hashing_turns(machines: Machines, cores: float) -> Turns:
    """For password hashes of a worker that has so many cores: while machines ask, one of them is theirs."""
    return Turns(machines, least=max(SHARE, cores - 1), most=max(1.0, cores))
