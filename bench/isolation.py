"""`make isolation`: what tokens and the key set keep of their rate while something slow goes on (decision 15).

The promise: at least 80 % of the calm rate, and a 99th percentile of at most five times the calm one. Calm is measured
before and after each disturbance. On a machine that others use, the figures are also theirs: look at the calm ones.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench import disturbances, load
from bench.conversations import Repeated, raw
from bench.disturbances import Stage
from bench.endpoints import NO_LIMITS
from bench.load import Result
from bench.report import RESULTS
from tests.support import served, slow_names
from tests.support.slow_names import Names
from tests.support.stopped import own_postgres

CONNECTIONS = 16
KEPT = 0.8
SLOWER = 5.0


@dataclass(frozen=True)
class Row:
    """What one endpoint did while one thing went on; rates in answers a second, times in milliseconds."""

    during: str
    endpoint: str
    calm_rate: float
    rate: float
    calm_p99: float
    p99: float
    refused: int
    told: dict[str, int]

    @property
    def kept(self) -> float:
        """Of the calm rate."""
        return self.rate / self.calm_rate if self.calm_rate else 0.0

    @property
    def slower(self) -> float:
        """The 99th percentile, as a multiple of the calm one."""
        return self.p99 / self.calm_p99 if self.calm_p99 else float("inf")

    @property
    def good(self) -> bool:
        """Whether the promise held."""
        return self.kept >= KEPT and self.slower <= SLOWER and not self.refused


def main() -> None:
    """Measure, print the table row by row, write the JSON; exit code 1 if a promise was broken."""
    options = _options()
    # Whoever is stopped stops what it started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    rows, left_out = list[Row](), dict[str, str]()
    with contextlib.ExitStack() as opened:
        stage = _stage(options, opened, left_out)
        _print_head(options)
        for kind, disturb in disturbances.KINDS.items():
            if kind in left_out or (options.only and options.only not in kind):
                continue
            for row in _measured(stage, kind, disturb, options.seconds):
                rows.append(row)
                _print(row)
    for kind, why in left_out.items():
        print(f"{kind:33}not measured: {why}")
    RESULTS.mkdir(parents=True, exist_ok=True)
    file = RESULTS / f"isolation-{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}.json"
    file.write_text(json.dumps(_told(options, rows, left_out), indent=1) + "\n")
    print(f"\n{file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file}")
    sys.exit(0 if all(row.good for row in rows) else 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make isolation", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--only", default="", help="disturbances whose name holds this")
    return parser.parse_args()


def _stage(options: argparse.Namespace, opened: contextlib.ExitStack, left_out: dict[str, str]) -> Stage:
    folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="authserver-isolation-")))
    postgres = opened.enter_context(own_postgres(folder))
    names = Names()
    try:
        names = opened.enter_context(slow_names.serving(folder))
    except pytest.skip.Exception as why:
        left_out["slow DNS"] = str(why)
    silent = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=256))
    server = served.start(
        "postgresql", folder, url=postgres.url, workers=options.workers, threads=options.threads, under=names.under,
        outbound_allow="127.0.0.1", **NO_LIMITS,
    )  # fmt: skip
    opened.callback(server.stop)
    return Stage(server, postgres, silent.getsockname()[1], server.machine("Bench job", "--introspect-all"))


def _measured(stage: Stage, kind: str, disturb: Any, seconds: float) -> Iterator[Row]:
    port = int(stage.host.rpartition(":")[2])
    for endpoint, asked in (
        ("token", raw("POST /oauth/token", stage.host, stage.job.basic, "grant_type=client_credentials")),
        ("JWKS", raw("GET /.well-known/jwks.json", stage.host)),
    ):
        talks = [Repeated(asked)] * CONNECTIONS
        load.run(port, talks, 1.0, patience=0)
        before = load.run(port, talks, seconds, patience=0)
        with disturb(stage) as told:
            # What begins before it is known that machines ask is not what goes on.
            load.run(port, talks, 1.0, patience=0)
            during = load.run(port, talks, seconds, patience=0)
        yield _row(kind, endpoint, before, during, load.run(port, talks, seconds, patience=0), dict(told))


def _row(kind: str, endpoint: str, before: Result, during: Result, after: Result, told: dict[str, int]) -> Row:
    return Row(
        during=kind,
        endpoint=endpoint,
        calm_rate=(before.rate + after.rate) / 2,
        rate=during.rate,
        calm_p99=(before.p99 + after.p99) / 2,
        p99=during.p99,
        refused=during.refused,
        told=told,
    )


def _told(options: argparse.Namespace, rows: list[Row], left_out: dict[str, str]) -> dict[str, Any]:
    return {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()},
        "workers": options.workers,
        "threads": options.threads,
        "promise": {"kept": KEPT, "p99": SLOWER},
        "rows": [asdict(row) | {"kept": row.kept, "slower": row.slower, "good": row.good} for row in rows],
        "left out": left_out,
    }


def _print_head(options: argparse.Namespace) -> None:
    print(
        f"{options.workers} workers of {options.threads} threads, {CONNECTIONS} connections beside those that disturb,"
    )
    print(f"{os.cpu_count()} cores shared with all clients, load {os.getloadavg()[0]:.1f}\n")
    names = ("calm/s", 8), ("then/s", 8), ("kept", 7), ("calm p99", 10), ("then p99", 10), ("times", 7)
    print(f"{'while':33}{''.join(f'{name:>{width}}' for name, width in names)}  promise")


def _print(row: Row) -> None:
    said = "held" if row.good else "BROKEN" + (f" ({row.refused} refused)" if row.refused else "")
    print(f"{row.during:26}{row.endpoint:7}{row.calm_rate:>8.0f}{row.rate:>8.0f}{row.kept:>7.0%}"
          f"{row.calm_p99:>10.1f}{row.p99:>10.1f}{row.slower:>7.1f}  {said}")  # fmt: skip
    told = ", ".join(f"{name} {count} times" for name, count in sorted(row.told.items()))
    print(f"{'':33}those who disturbed were told {told or 'nothing'}", flush=True)


if __name__ == "__main__":
    main()
