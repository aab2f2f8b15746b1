"""Who is measured: our server on a database, one of an earlier commit, a trivial Flask view."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from bench import endpoints, processes
from bench.conversations import raw
from bench.endpoints import NO_LIMITS, Talks
from tests.support import served
from tests.support.served import Served
from tests.support.stopped import own_postgres

QUICK_HASHES = Path(__file__).parent / "quick_hashes"
TRIVIAL = "trivial Flask view"
DATABASES = ("sqlite", "postgresql")


@dataclass
class Contender:
    """Something that serves; `roots` are its processes, and `store_roots` those of the database that it has."""

    name: str
    port: int
    talks: Mapping[str, Talks]
    roots: list[int]
    store_roots: list[int] = field(default_factory=list)
    server: Served | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def keep(self, names: set[str]) -> None:
        """Be asked for these endpoints alone."""
        self.talks = {name: talks for name, talks in self.talks.items() if name in names}

    def worked(self) -> tuple[dict[str, float], dict[str, float]]:
        """Seconds of a core by thread, of the server and of its database."""
        return processes.worked(self.roots), processes.worked(self.store_roots)

    def memory(self) -> float:
        """Resident set of the largest process, in MB."""
        return max(_resident(pid) for root in self.roots for pid in processes.tree(root))


def _resident(pid: int) -> float:
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()
        return int(lines[0]) / 1024 if lines else 0.0
    return 0.0


@contextlib.contextmanager
def ours(
    name: str, kind: str, *, workers: int, threads: int, home: Path = served.ROOT, **settings: Any
) -> Iterator[Contender]:
    """Our server with a database of its own; `home` is the checkout that it runs from."""
    with tempfile.TemporaryDirectory(prefix="authserver-bench-") as made, contextlib.ExitStack() as opened:
        folder, url, store = Path(made), "", list[int]()
        if kind == "postgresql":
            postgres = opened.enter_context(own_postgres(folder))
            url, store = postgres.url, [int((postgres.data / "postmaster.pid").read_text().split()[0])]
        began = time.perf_counter()
        server = served.start(
            kind, folder, url=url, workers=workers, threads=threads, home=home,
            first=True, variables={"PYTHONPATH": str(QUICK_HASHES)}, **NO_LIMITS, **settings,
        )  # fmt: skip
        opened.callback(server.stop)
        ready = round(time.perf_counter() - began, 2)
        port = int(server.issuer.rpartition(":")[2])
        found = Contender(name, port, endpoints.of(server), [server.process.pid], store, server)
        found.facts = {"seconds until ready": ready, "MB of a worker at first": round(found.memory())}
        yield found
        found.facts["MB of a worker at the end"] = round(found.memory())
        found.facts["faults in its log"] = len(server.errors())


@contextlib.contextmanager
def trivial(*, workers: int, threads: int) -> Iterator[Contender]:
    """A Flask view that does nothing, served as we are."""
    port = served.free_port()
    words = [sys.executable, "-m", "bench.trivial", str(port), str(workers), str(threads)]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        await_ready(f"http://localhost:{port}/readyz", process)
        talks = endpoints.repeated(raw("POST /", f"localhost:{port}", body="x=1"))
        yield Contender(TRIVIAL, port, {TRIVIAL: talks}, [process.pid])
    finally:
        process.terminate()
        time.sleep(0.1)
        process.terminate()
        process.wait(20)


def await_ready(url: str, process: subprocess.Popen[Any], seconds: float = 60) -> None:
    """Until this address answers with 200. Raises RuntimeError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(requests.RequestException):
            if requests.get(url, timeout=5).ok:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{url} did not become ready (exit {process.poll()})")
