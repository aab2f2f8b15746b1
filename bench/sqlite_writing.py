"""`python -m bench.sqlite_writing [--against CHECKOUT]`: refreshes on one SQLite file by processes of several threads.

With another checkout both are run in turn, each in processes of their own, so that a busy machine is busy for both.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROUNDS = 3
CLIENT = "app_bench"


def main() -> None:
    """Run this tree, or this and another in turn, and print a line for each run."""
    options = _options()
    if options.once:
        print(json.dumps(_measured(options), ensure_ascii=False))
        return
    trees = [each for each in (options.against, Path(__file__).parents[1]) if each]
    for _ in range(ROUNDS):
        for tree in trees:
            print(f"{tree.absolute().name:20}", _run_in(tree, options), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path, help="another checkout")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _run_in(tree: Path, options: argparse.Namespace) -> str:
    given = [f"--{name}={getattr(options, name)}" for name in ("seconds", "processes", "threads")]
    words = [sys.executable, str(Path(__file__).absolute()), "--once", *given]
    environment = os.environ | {"PYTHONPATH": str(tree.absolute())}
    return subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def _measured(options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:  # on a disk: /tmp may be memory
        url = f"sqlite:///{folder}/bench.sqlite3"
        chains = _filled(url, options.processes * options.threads)
        context = multiprocessing.get_context("spawn")
        gate, told = context.Barrier(len(chains)), context.Queue()
        shares = [chains[number :: options.processes] for number in range(options.processes)]
        workers = [context.Process(target=_work, args=(url, each, options.seconds, gate, told)) for each in shares]
        for each in workers:
            each.start()
        parts = [told.get(timeout=options.seconds + 60) for _ in workers]
        for each in workers:
            each.join()
    took = sorted(seconds for part in parts for seconds in part["took"])
    return {
        "per second": round(len(took) / options.seconds),
        "of each process": [len(part["took"]) for part in parts],
        "p50 ms": round(took[len(took) // 2] * 1000, 1),
        "p99 ms": round(took[int(len(took) * 0.99)] * 1000, 1),
        "longest ms": round(took[-1] * 1000),
        "cpu µs": round(sum(part["cpu"] for part in parts) / len(took) * 1_000_000),
        "switches": round(sum(part["switches"] for part in parts) / len(took), 1),
    }


def _opened(url: str) -> None:
    from authserver import install
    from authserver.config import Settings

    install(Settings(database_url=url, secret_key="for the benchmark alone, and long", log_level="ERROR"))


def _filled(url: str, count: int) -> list[str]:
    """A database with one person, one app, and so many families; their first refresh tokens."""
    _opened(url)
    from authserver import config, database
    from authserver.domain.grants import grants, refresh_tokens
    from authserver.domain.people import users
    from authserver.domain.running import schema
    from authserver.lib import clock, secrets
    from authserver.models import Client

    schema.ensure()
    person = users.create("bench@example.test", name="Bench", role="user", password="a walk along the river bank")
    now = clock.now()
    first: list[str] = []
    with database.transaction() as session:
        session.add(
            Client(id=CLIENT, name="Bench", kind="web", owner_id=person.id, grant_types=["refresh_token"],
                   scopes=["openid"], created_at=now, updated_at=now)
        )  # fmt: skip
        session.flush()
        for _ in range(count):
            grant = grants.create(
                session, client_id=CLIENT, user_id=person.id, session_id=None, scopes=["openid"], resources=[],
                auth_time=now, amr=["pwd"], nonce=None,
            )  # fmt: skip
            first.append(secrets.generate(config.current().slug, "rt"))
            refresh_tokens._store(session, first[-1], grant.id, CLIENT, grant.expires_at)
    database.engine().dispose()
    return first


def _work(url: str, chains: list[str], seconds: float, gate: Any, told: Any) -> None:
    _opened(url)
    from authserver.domain.clients import clients
    from authserver.domain.grants import refresh_tokens

    client = clients.find(CLIENT)
    assert client is not None
    took: list[float] = []

    def refresh(token: str) -> None:
        gate.wait()
        until = time.perf_counter() + seconds
        while (began := time.perf_counter()) < until:
            token = refresh_tokens.rotate(token, client, scopes=(), resources=()).refresh_token
            took.append(time.perf_counter() - began)

    threads = [threading.Thread(target=refresh, args=(each,)) for each in chains]
    before = resource.getrusage(resource.RUSAGE_SELF)
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    told.put({"took": took, "cpu": cpu, "switches": after.ru_nvcsw - before.ru_nvcsw})


if __name__ == "__main__":
    main()
