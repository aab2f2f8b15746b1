"""A load generator that costs little: keep-alive connections in a few processes, one request in flight on each."""

from __future__ import annotations

import json
import multiprocessing
import selectors
import socket
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Protocol

SECONDS = 60


class Conversation(Protocol):
    """What one connection sends: the first request, then one for each answer."""

    def request(self) -> bytes: ...

    def take(self, body: bytes) -> None: ...


@dataclass
class Repeated:
    """The same request again and again."""

    raw: bytes

    def request(self) -> bytes:
        return self.raw

    def take(self, body: bytes) -> None:
        """Nothing of the answer is needed."""


@dataclass
class Chain:
    """A refresh family: each answer holds the next request's token."""

    head: bytes
    token: str

    def request(self) -> bytes:
        body = f"grant_type=refresh_token&refresh_token={self.token}".encode()
        return self.head + b"Content-Length: %d\r\n\r\n" % len(body) + body

    def take(self, body: bytes) -> None:
        self.token = json.loads(body)["refresh_token"]


@dataclass
class Result:
    """What one run measured; latencies in milliseconds."""

    requests: int
    seconds: float
    statuses: dict[str, int]
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


@dataclass
class _Connection:
    socket: socket.socket
    talk: Conversation
    received: bytes = b""
    sent_at: float = 0.0
    latencies: list[float] = field(default_factory=list)

    def send(self) -> None:
        self.received, self.sent_at = b"", time.perf_counter()
        self.socket.sendall(self.talk.request())

    def read(self) -> int:
        """The status once the whole answer is there, else 0."""
        data = self.socket.recv(65_536)
        if not data:
            raise ConnectionError("the server closed a connection that it should have kept")
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return 0
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return 0
        self.latencies.append(time.perf_counter() - self.sent_at)
        self.talk.take(body)
        return int(head[9:12])


def run(port: int, talks: list[Any], count: int, processes: int = 2) -> Result:
    """Send `count` requests over one connection for each conversation; raises if any is not answered with 200."""
    shares = [talks[number::processes] for number in range(processes)]
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        started = time.perf_counter()
        parts = pool.starmap(_drive, [(port, share, count // processes) for share in shares])
        seconds = time.perf_counter() - started
    statuses: Counter[int] = sum((part[0] for part in parts), Counter())
    latencies = sorted(value for part in parts for value in part[1])
    if set(statuses) != {200}:
        raise RuntimeError(f"not every answer was 200: {dict(statuses)}")
    return Result(
        requests=len(latencies),
        seconds=seconds,
        statuses={str(status): number for status, number in statuses.items()},
        p50=round(statistics.median(latencies) * 1000, 2),
        p99=round(latencies[int(len(latencies) * 0.99)] * 1000, 2),
    )


def run_for(port: int, talks: list[Any], seconds: float, processes: int = 2) -> Result:
    """Send for so many seconds, whatever is answered; rate and latencies are those of the answers with 200 alone."""
    shares = [talks[number::processes] for number in range(processes)]
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        parts = pool.starmap(_drive_for, [(port, share, seconds) for share in shares])
    statuses: Counter[int] = sum((part[0] for part in parts), Counter())
    latencies = sorted(value for part in parts for value in part[1])
    return Result(
        requests=statuses[200],
        seconds=seconds,
        statuses={str(status): number for status, number in statuses.items()},
        p50=round(statistics.median(latencies) * 1000, 2) if latencies else seconds * 1000,
        p99=round(latencies[int(len(latencies) * 0.99)] * 1000, 2) if latencies else seconds * 1000,
    )


def _drive_for(port: int, talks: list[Conversation], seconds: float) -> tuple[Counter[int], list[float]]:
    selector, statuses, good = selectors.DefaultSelector(), Counter[int](), list[float]()
    connections = _opened(port, talks, selector)
    until = time.perf_counter() + seconds
    for each in connections:
        each.send()
    while (left := until - time.perf_counter()) > 0:
        for key, _ in selector.select(left):
            status = key.data.read()
            if status:
                statuses[status] += 1
                if status == 200:
                    good.append(key.data.latencies[-1])
                key.data.send()
    # Who still waits at the end has waited so long at least: else an answer that never comes would cost nothing.
    late = time.perf_counter()
    good += [late - each.sent_at for each in connections if late - each.sent_at > seconds / 5]
    for each in connections:
        each.socket.close()
    return statuses, good


def _opened(port: int, talks: list[Conversation], selector: selectors.BaseSelector) -> list[_Connection]:
    connections = []
    for talk in talks:
        opened = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connections.append(_Connection(opened, talk))
        selector.register(opened, selectors.EVENT_READ, connections[-1])
    return connections


def _drive(port: int, talks: list[Conversation], count: int) -> tuple[Counter[int], list[float]]:
    selector = selectors.DefaultSelector()
    connections = _opened(port, talks, selector)
    statuses: Counter[int] = Counter()
    left = count
    for each in connections[:left]:
        each.send()
    left -= min(left, len(connections))
    while sum(statuses.values()) < count:
        for key, _ in selector.select(SECONDS):
            status = key.data.read()
            if status:
                statuses[status] += 1
                if left:
                    left -= 1
                    key.data.send()
    for each in connections:
        each.socket.close()
    return statuses, [value for each in connections for value in each.latencies]
