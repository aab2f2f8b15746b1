"""node-oidc-provider, installed by npm from the lock beside this file: in memory, on Valkey, on PostgreSQL."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import contenders, endpoints
from bench.contenders import Contender
from bench.conversations import Chain, raw
from bench.endpoints import Talks
from tests.services import locks, node, valkey
from tests.support import served
from tests.support.stopped import own_postgres
from tests.support.third_party import App

NAME = "oidc-provider"
STORES = ("memory", "redis", "postgresql")
FOLDER = Path(__file__).parent
INSTALLED = FOLDER.parent.parent / "var" / "bench"
SECONDS = 600


@contextlib.contextmanager
def running(stores: Sequence[str] = STORES, *, workers: int) -> Iterator[list[Contender]]:
    """One for each of its stores."""
    folder = installed()
    with contextlib.ExitStack() as opened:
        yield [opened.enter_context(_running(folder, store, workers)) for store in stores]


def installed() -> Path:
    """Its programs and packages, fetched again when the lock has changed."""
    files = sorted(each for each in FOLDER.iterdir() if each.suffix in (".mjs", ".json") or each.name == ".npmrc")
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    folder = INSTALLED / f"peers-{digest}"
    INSTALLED.mkdir(parents=True, exist_ok=True)
    with locks.alone(INSTALLED / "peers.lock"):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for file in files:
                shutil.copy(file, folder)
            words = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run(words, cwd=folder, check=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
            (folder / "complete").touch()
    return folder


@contextlib.contextmanager
def store(kind: str) -> Iterator[tuple[str, list[int]]]:
    """The address of a store of its own, and its processes."""
    with tempfile.TemporaryDirectory(prefix="authserver-bench-") as made, contextlib.ExitStack() as opened:
        if kind == "postgresql":
            postgres = opened.enter_context(own_postgres(Path(made)))
            server = int((postgres.data / "postmaster.pid").read_text().split()[0])
            yield postgres.url.replace("+psycopg", "", 1), [server]
        elif kind == "redis":
            redis = opened.enter_context(valkey.running(Path(made)))
            yield redis.url, [redis.process.pid] if redis.process else []
        else:
            yield "", []


@contextlib.contextmanager
def _running(folder: Path, kind: str, workers: int) -> Iterator[Contender]:
    with store(kind) as (url, roots):
        port = served.free_port()
        words = [*node.command(), "server.mjs", kind, str(port), str(workers), url]
        process = subprocess.Popen(
            words, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline() or "null")
            if told is None:
                raise RuntimeError(f"{NAME} on {kind} did not start (exit {process.wait(10)})")
            contenders.await_ready(f"http://127.0.0.1:{port}/jwks", process)
            yield Contender(f"{NAME}, {kind}", port, _talks(port, told), [process.pid], roots)
        finally:
            process.terminate()
            process.wait(20)


def _talks(port: int, told: dict[str, Any]) -> dict[str, Talks]:
    host = f"localhost:{port}"

    def basic(client_id: str) -> dict[str, str]:
        return App("", None, client_id, told["secret"]).basic  # type: ignore[arg-type]  # it sends nothing itself

    asked = f"grant_type=client_credentials&resource={told['resource']}&scope={told['scope']}"
    found = {
        endpoints.JWKS: endpoints.repeated(raw("GET /jwks", host)),
        endpoints.TOKEN_JWT: endpoints.repeated(raw("POST /token", host, basic("job"), asked)),
        endpoints.INTROSPECTION_OPAQUE: endpoints.repeated(
            raw("POST /token/introspection", host, basic("job"), f"token={told['opaque']}")
        ),
    }
    if told["refresh"]:
        more = f"&resource={told['resource']}"
        ask = endpoints.refresh("POST /token", host, basic("app"), more)
        chains = [Chain(ask, token) for token in told["refresh"]]
        found[endpoints.REFRESH_ES256] = lambda connections: chains[:connections]
    return found
