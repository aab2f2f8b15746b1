"""`make bench`: requests per second of the hot endpoints beside a trivial Flask view, on both databases."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from bench import gateways, load
from bench.load import Chain, Repeated, Result
from tests.support import served
from tests.support.served import Served
from tests.support.third_party import App

RESULTS = Path(__file__).parent / "results"
CONNECTIONS = 16
WARM_UP = 400
FORM = "Content-Type: application/x-www-form-urlencoded"


def main() -> None:
    """Measure, print the table, write the JSON."""
    options = _options()
    with _trivial(options) as port:
        _warm(port, _plain(port, "POST /", body="x=1"))
        baseline = load.run(port, [_plain(port, "POST /", body="x=1")] * CONNECTIONS, options.requests)
    found: dict[str, Any] = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "workers": options.workers,
        "threads": options.threads,
        "trivial Flask view": _shown(baseline, baseline),
    }
    for kind in options.databases.split(","):
        found[kind] = _measure(kind, options, baseline)
    _print(found)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}.json"
    file.write_text(json.dumps(found, indent=1) + "\n")
    print(f"\n{file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--requests", type=int, default=6000, help="requests of each run")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--databases", default="sqlite,postgresql")
    return parser.parse_args()


def _measure(kind: str, options: argparse.Namespace, baseline: Result) -> dict[str, Any]:
    started = time.perf_counter()
    with served.running(kind, workers=options.workers, threads=options.threads, **gateways.NO_LIMITS) as server:
        ready = time.perf_counter() - started
        found: dict[str, Any] = {"seconds until ready": round(ready, 2), "worker idle": _memory(server)}
        port = int(server.issuer.rpartition(":")[2])
        for name, talks, count in _runs(server, port, options.requests):
            if isinstance(talks[0], Repeated):
                _warm(port, talks[0])
            found[name] = _shown(load.run(port, talks, count), baseline)
        with _trivial(options) as api:
            found |= gateways.behind_nginx(server, api, options.requests // 4)
        found["worker after"] = _memory(server)
        assert not server.errors(), server.errors()[:3]
    return found


def _runs(server: Served, port: int, count: int) -> Iterator[tuple[str, list[Any], int]]:
    job = server.machine("Bench job")
    token = job.client_credentials().json["access_token"]
    yield "JWKS", [_plain(port, "GET /.well-known/jwks.json")] * CONNECTIONS, count
    asking = _plain(port, "POST /oauth/token", job, "grant_type=client_credentials")
    yield "token, client_credentials", [asking] * CONNECTIONS, count
    yield "introspection of a JWT", [_plain(port, "POST /oauth/introspect", job, f"token={token}")] * CONNECTIONS, count
    yield from gateways.runs(server, CONNECTIONS, count)
    app = server.app("Bench app")
    browser = server.browser("bench@example.test")
    head = _head(port, "POST /oauth/token", app).encode()
    chains = [Chain(head, app.tokens(browser)["refresh_token"]) for _ in range(CONNECTIONS)]
    yield "token, refresh", chains, count // 2


def _head(port: int, what: str, app: App | None = None) -> str:
    lines = [f"{what} HTTP/1.1", f"Host: localhost:{port}"]
    if what.startswith("POST"):
        lines.append(FORM)
    if app:
        lines += [f"{name}: {value}" for name, value in app.basic.items()]
    return "\r\n".join(lines) + "\r\n"


def _plain(port: int, what: str, app: App | None = None, body: str = "") -> Repeated:
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return Repeated((_head(port, what, app) + length + "\r\n" + body).encode())


def _warm(port: int, talk: Repeated) -> None:
    load.run(port, [talk] * CONNECTIONS, WARM_UP)


@contextlib.contextmanager
def _trivial(options: argparse.Namespace) -> Iterator[int]:
    port = served.free_port()
    words = [sys.executable, "-m", "bench.trivial", str(port), str(options.workers), str(options.threads)]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(requests.ConnectionError):
                if requests.get(f"http://localhost:{port}/readyz", timeout=5).ok:
                    break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        time.sleep(0.1)
        process.terminate()
        process.wait(20)


def _memory(server: Served) -> str:
    """Resident set of the largest worker."""
    sizes = []
    for pid in server.workers():
        status = Path(f"/proc/{pid}/status").read_text()
        sizes.append(int(status.partition("VmRSS:")[2].split()[0]))
    return f"{max(sizes) / 1024:.0f} MB"


def _shown(result: Result, baseline: Result) -> dict[str, Any]:
    shown = {"per second": round(result.rate), "of trivial": round(result.rate / baseline.rate, 2)}
    return shown | {name: value for name, value in asdict(result).items() if name != "seconds"}


def _print(found: dict[str, Any]) -> None:
    print(f"{found['workers']} workers of {found['threads']} threads, {CONNECTIONS} connections, "
          f"{found['machine']['cores']} cores shared with the load generator\n")  # fmt: skip
    print(f"{'':34}{'req/s':>9}{'of trivial':>12}{'p50 ms':>9}{'p99 ms':>9}")
    _row("trivial Flask view", found["trivial Flask view"])
    for kind in ("sqlite", "postgresql"):
        for name, values in found.get(kind, {}).items():
            if isinstance(values, dict):
                _row(f"{kind}: {name}", values)
            else:
                print(f"{kind + ': ' + name:34}{values:>9}")


def _row(name: str, values: dict[str, Any]) -> None:
    print(f"{name:34}{values['per second']:>9}{values['of trivial']:>12}{values['p50']:>9}{values['p99']:>9}")


if __name__ == "__main__":
    main()
