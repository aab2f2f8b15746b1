"""Each endpoint of each contender in short slices, in turns: whatever else the machine does meets all alike."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench import load, processes
from bench.contenders import TRIVIAL, Contender
from bench.load import Result

WARM_UP = 0.3


@dataclass
class Row:
    """What one contender did at one endpoint. Rates by slice, so that slices of one turn can be compared."""

    endpoint: str
    contender: str
    connections: int
    result: Result = field(default_factory=Result)
    rates: list[float] = field(default_factory=list)
    server: float = 0.0
    store: float = 0.0

    def shown(self) -> dict[str, Any]:
        """As the file has it: CPU in milliseconds a request, waiting in milliseconds, the rest by its name."""
        answers = max(1, self.result.requests)
        return {
            "endpoint": self.endpoint,
            "contender": self.contender,
            "connections": self.connections,
            "per second": round(statistics.median(self.rates), 1) if self.rates else 0.0,
            "slices": [round(rate, 1) for rate in self.rates],
            "CPU ms": round(self.server / answers * 1000, 4),
            "CPU ms of the database": round(self.store / answers * 1000, 4),
            "p50": self.result.p50,
            "p99": self.result.p99,
            "requests": self.result.requests,
            "refused": self.result.refused,
            "statuses": {status.decode(): count for status, count in self.result.statuses.items()},
            "generator": round(self.result.generator / self.result.seconds, 3) if self.result.seconds else 0.0,
        }


def rows(
    contenders: Sequence[Contender], connections: Sequence[int], *, seconds: float, rounds: int, only: str = ""
) -> Iterator[list[dict[str, Any]]]:
    """One list for each endpoint and number of connections: a row of each contender that has it."""
    names = list(dict.fromkeys(name for each in contenders for name in each.talks))
    names = [name for name in names if name != TRIVIAL and only.lower() in name.lower()]
    for count in connections:
        for endpoint in (TRIVIAL, *names):
            took_part = [each for each in contenders if endpoint in each.talks]
            if took_part:
                yield [row.shown() for row in measured(took_part, endpoint, count, seconds=seconds, rounds=rounds)]


def measured(
    contenders: Sequence[Contender], endpoint: str, connections: int, *, seconds: float, rounds: int
) -> list[Row]:
    """Slices in turns; the first contender of a turn is another one each time."""
    found = [Row(endpoint, each.name, connections) for each in contenders]
    pairs = list(zip(contenders, found, strict=True))
    for each in contenders:
        load.run(each.port, each.talks[endpoint](connections), min(WARM_UP, seconds))
    for turn in range(rounds):
        for contender, row in pairs[turn % len(pairs) :] + pairs[: turn % len(pairs)]:
            _slice(contender, row, seconds)
    return found


def _slice(contender: Contender, row: Row, seconds: float) -> None:
    talks = contender.talks[row.endpoint](row.connections)
    server, store = contender.worked()
    result = load.run(contender.port, talks, seconds)
    after_server, after_store = contender.worked()
    row.server += processes.since(server, after_server)
    row.store += processes.since(store, after_store)
    row.rates.append(result.rate)
    row.result.add(result)
