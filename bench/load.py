"""A load generator that costs little: keep-alive connections in one thread, one request in flight on each.

It shares the machine with what it measures, so it tells what it took: `generator` of a result, in seconds of a core.
"""

from __future__ import annotations

import contextlib
import gc
import re
import select
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench.conversations import Conversation

# How long an answer is waited for, after the end of a measurement too.
SECONDS = 60.0
PIECE = 16 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)


@dataclass
class Result:
    """What was measured: good answers, all answers by status, seconds of each good one, and what asking cost."""

    requests: int = 0
    seconds: float = 0.0
    statuses: Counter[bytes] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    generator: float = 0.0

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.requests / self.seconds if self.seconds else 0.0

    @property
    def refused(self) -> int:
        """Answers that were not what was asked for."""
        return sum(self.statuses.values()) - self.requests

    @property
    def p50(self) -> float:
        """The median, in milliseconds."""
        return self.percentile(0.5)

    @property
    def p99(self) -> float:
        """The 99th percentile, in milliseconds."""
        return self.percentile(0.99)

    def percentile(self, part: float) -> float:
        """So much of the answers came within these milliseconds; without any, all the time that was waited."""
        ordered = sorted(self.latencies)
        found = ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else self.seconds
        return round(found * 1000, 2)

    def add(self, other: Result) -> None:
        """Another slice of the same."""
        self.requests += other.requests
        self.seconds += other.seconds
        self.statuses += other.statuses
        self.latencies += other.latencies
        self.generator += other.generator


class _Connection:
    """One socket, and the part of an answer that has come."""

    def __init__(self, port: int, talk: Conversation) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Asked only when there is something to read; with a time limit each call would be two.
        self.socket.setblocking(False)
        self.file = self.socket.fileno()
        self.talk = talk
        self.waiting = False
        self.sent_at = self.begun_at = 0.0
        self._received = b""

    def send(self, *, begins: bool = True) -> None:
        """The next request of the conversation, if it has one."""
        request = self.talk.request()
        self.waiting = bool(request)
        if request:
            self.sent_at = time.perf_counter()
            if begins:
                self.begun_at = self.sent_at
            if self.socket.send(request) < len(request):
                raise BlockingIOError("a request was too long to be sent at once")

    def read(self) -> tuple[bytes, bytes] | None:
        """Head and body once the whole answer is there."""
        data = self.socket.recv(PIECE)
        if not data:
            raise ConnectionError("the server closed a connection that it should have kept")
        received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n") + 4
        if end < 4 or not _is_whole(received, end):
            self._received = received
            return None
        self._received = b""
        return received[: end - 2], received[end:]


def _is_whole(received: bytes, end: int) -> bool:
    length = _LENGTH.search(received, 0, end)
    if length is not None:
        return len(received) - end >= int(length[1])
    return not _CHUNKED.search(received, 0, end) or received.endswith(b"0\r\n\r\n")


def run(port: int, talks: Sequence[Conversation], seconds: float = 0.0, *, patience: float = SECONDS) -> Result:
    """Ask over one connection for each conversation: for so many seconds, or (0) until they have no more to ask.

    What is unanswered at the end is waited for, since a conversation may go on with it; if it does not come in
    `patience` seconds it counts with the time that it has taken by then, else an answer that never comes cost nothing.
    """
    found, connections = Result(), [_Connection(port, talk) for talk in talks]
    with _undisturbed():
        cost, began = time.process_time(), time.perf_counter()
        until = began + seconds if seconds else float("inf")
        for each in connections:
            each.send()
        _go_on(connections, found, until, patience)
        now = time.perf_counter()
        found.seconds, found.generator = now - began, time.process_time() - cost
    found.latencies += [now - each.begun_at for each in connections if each.waiting and now - each.begun_at > 0.1]
    for each in connections:
        each.socket.close()
    return found


def _go_on(connections: Sequence[_Connection], found: Result, until: float, patience: float) -> None:
    under_way, give_up = sum(each.waiting for each in connections), until + patience
    clock, by_file = time.perf_counter, {each.file: each for each in connections}
    with select.epoll() as poll:
        for file in by_file:
            poll.register(file, select.EPOLLIN)
        while under_way:
            ready = poll.poll(min(SECONDS, max(0.0, give_up - clock())))
            if not ready and (clock() >= give_up or give_up == float("inf")):
                return
            for file, _ in ready:
                under_way -= _took(by_file[file], found, until)


def _took(each: _Connection, found: Result, until: float) -> bool:
    """Take what has come; whether this connection has no more to ask."""
    answer = each.read()
    if answer is None:
        return False
    now, done = time.perf_counter(), each.talk.take(*answer)
    if done is None:  # what counts as one request goes on with another
        each.send(begins=False)
        return False
    found.statuses[answer[0][9:12]] += 1
    if done:
        found.requests += 1
        found.latencies.append(now - each.begun_at)
    each.waiting = False
    if now < until:
        each.send()
    return not each.waiting


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Nothing here makes cycles that could not wait."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
