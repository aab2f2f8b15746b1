"""Rooms with threads of their own and a queue that has an end: slow kinds of work never stop the quick ones."""

from __future__ import annotations

import queue
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from authserver.lib import password_hash
from authserver.lib.rooms import Room
from authserver.observability import metrics

J = TypeVar("J")

# On the loop itself: nothing there may wait, whatever it is for.
INSTANT = Room("instant", database="protocol", outside="outside", limits="warm")
# Token requests that need no statement but are counted: a database that hangs holds none of these threads.
WARM = Room("warm", database="protocol", outside="outside")
PROTOCOL = Room("protocol", outside="outside", seconds=2.0)
OUTSIDE = Room("outside", seconds=10.0)
API = Room("api", outside="outside", seconds=10.0)
PAGES = Room("pages", outside="outside", long="exports", seconds=30.0)
EXPORTS = Room("exports", seconds=300.0)
HEALTH = Room("health", seconds=2.0)
# Whose answers are waited for by machines, and what gives way to them (edge/pace.py).
HURRIED = frozenset({INSTANT.name, WARM.name, PROTOCOL.name})
UNHURRIED = frozenset({API.name, PAGES.name, EXPORTS.name})


# Every thread may want a connection to the database, and a database has so many.
MOST_HASHING = 8
# Threads that ask the database beside the rooms: versions of the cache, figures, a probe while it does not answer.
BESIDE = 3


@dataclass(frozen=True, slots=True)
class Size:
    """How many threads a room has, and how many requests may wait for one."""

    threads: int
    waiting: int
    # Whether half as many places more are there for other addresses, once one has taken all of these, and each has its
    # turn: of what people ask for. Machines ask for all of their people from one.
    shared: bool = False
    at_once: int = 0  # threads that the jobs of one may take at once; 0: all

    @property
    def places(self) -> int:
        return self.threads + self.waiting


def sizes(threads: int) -> dict[Room, Size]:
    """The rooms of a worker whose setting `threads` is this.

    What waits for nothing is done at once, so that many may wait for it; of slow work little more than is under way.
    """
    return {
        WARM: Size(min(2, threads), 1024),
        PROTOCOL: Size(threads, 512),
        # By who chose the servers that are asked: half of the threads are left for those of others.
        OUTSIDE: Size(4, 8, shared=True, at_once=2),
        API: Size(max(1, threads // 2), 64),
        # Whoever hashes a password, or waits to, stands in nobody's way.
        PAGES: Size(max(2, threads - 1) + min(password_hash.most(), MOST_HASHING), 64, shared=True),
        EXPORTS: Size(1, 2),
        HEALTH: Size(1, 8),
    }


def connections(threads: int) -> int:
    """How many connections to the database a worker may want at once: none of its rooms waits for another's."""
    return BESIDE + sum(size.threads for room, size in sizes(threads).items() if not room.database)


class Pool(Generic[J]):
    """The threads of one room; each does `work` with a job at a time."""

    def __init__(self, room: Room, size: Size, work: Callable[[J, Room], None]) -> None:
        self.room, self.shared = room, size.shared
        self._work, self._each = work, size.places
        self._most = size.places + size.places // 2 if size.shared else size.places
        self._waits: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._jobs: OrderedDict[str, deque[J]] = OrderedDict()  # by address; whose turn it is comes first
        self._of: dict[str, int] = {}
        self._at_once, self._at_work = size.at_once, Counter[str]()
        self._passed_over = 0  # wake-ups that found nobody's job whose turn it could be
        self._lock = threading.Lock()
        self._unfinished = 0
        for number in range(size.threads):
            threading.Thread(target=self._serve, name=f"{room.name}-{number}", daemon=True).start()

    def offer(self, job: J, whose: str = "") -> bool:
        """Take a job; False, and counted, if too many wait already, of all or of this address. Never waits.

        `whose` is the address in a room that is shared, or who chose what is waited for; empty where nobody's share
        is counted.
        """
        with self._lock:
            if self._unfinished >= self._most or self._of.get(whose, 0) >= self._each:
                metrics.QUEUE_REJECTED.labels(self.room.name).inc()
                return False
            self._unfinished += 1
            self._of[whose] = self._of.get(whose, 0) + 1
            self._jobs.setdefault(whose, deque()).append(job)
        self._waits.put(None)
        return True

    def _serve(self) -> None:
        while True:
            self._waits.get()
            taken = self._next()
            if taken is None:
                continue
            job, whose = taken
            try:
                self._work(job, self.room)
            finally:
                self._give_back(whose)

    def _next(self) -> tuple[J, str] | None:
        """The oldest job of the address whose turn it is; its others wait until everybody else had theirs.

        None while all that wait are of those who have as many at work as they may: one that ends wakes the next.
        """
        with self._lock:
            whose = next((each for each in self._jobs if self._may_begin(each)), None)
            if whose is None:
                self._passed_over += 1
                return None
            jobs = self._jobs.pop(whose)
            job = jobs.popleft()
            if jobs:
                self._jobs[whose] = jobs
            self._at_work[whose] += 1
        return job, whose

    def _may_begin(self, whose: str) -> bool:
        return not (self._at_once and whose) or self._at_work[whose] < self._at_once

    def _give_back(self, whose: str) -> None:
        with self._lock:
            self._unfinished -= 1
            for counted in (self._of, self._at_work):
                counted[whose] -= 1
                if not counted[whose]:
                    del counted[whose]
            wake = self._passed_over > 0
            self._passed_over -= wake
        if wake:
            self._waits.put(None)
