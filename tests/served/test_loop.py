"""Nothing that the event loop does waits for a database: each of its steps is over in 5 ms (decision 15, E5)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import served
from tests.support.served import ROOT
from tests.support.stopped import OwnPostgres, own_postgres

pytestmark = [
    pytest.mark.served,
    pytest.mark.long_fault,
    pytest.mark.usefixtures("socket_enabled"),
    pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="only Linux tells who waited for a core"),
]
STEP_MS = 5.0
# Whoever asks a database that is stopped sleeps for the rest of its room's two seconds, or until the breaker opens.
ASLEEP_MS = 250.0


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnPostgres]:
    with own_postgres(tmp_path_factory.mktemp("loop")) as running:
        yield running


@pytest.fixture(scope="module")
def worker(postgres: OwnPostgres, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The words that start a worker on its own, and its environment as JSON."""
    folder = tmp_path_factory.mktemp("loop-served")
    server = served.start("postgresql", folder, workers=1, url=postgres.url, rate_limit_token="off")
    try:
        made = server.machine("Job", "--introspect-all")
    finally:
        server.stop()
    return [json.dumps(server.environment), made.client_id, made.client_secret]


def steps(worker: list[str], postgres: OwnPostgres, *more: str) -> dict[str, Any]:
    """What the steps of a worker's loop took while the database was stopped."""
    environment = {**json.loads(worker[0]), "PYTHONPATH": str(ROOT), "AUTHSERVER_LOG_LEVEL": "ERROR"}
    words = [sys.executable, "-m", "tests.support.loop_steps", *worker[1:], *more]
    with subprocess.Popen(
        words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin and process.stdout
        assert process.stdout.readline() == "ready\n"
        with postgres.stopped():
            process.stdin.write("go\n")
            process.stdin.flush()
            told = process.stdout.readline()
        process.kill()
    found: dict[str, Any] = json.loads(told)
    return found


def quietest(worker: list[str], postgres: OwnPostgres) -> dict[str, Any]:
    """The best of three looks: who waits for a database does it each time, who waits for a busy machine does not."""
    looks = []
    while len(looks) < 3:
        looks.append(steps(worker, postgres))
        if max(looks[-1]["worked p99"], looks[-1]["slept p99"]) < STEP_MS and looks[-1]["slept most"] < ASLEEP_MS:
            break
    return min(looks, key=lambda look: float(look["slept most"]))


def test_no_step_of_the_loop_waits_for_a_database_that_is_stopped(worker: list[str], postgres: OwnPostgres) -> None:
    told = quietest(worker, postgres)
    assert told["instant"] == told["token"] == [200] and told["preflight"] == [204]
    assert 503 in told["protocol"] and set(told["protocol"]) <= {200, 503}
    assert told["steps"] > 500
    assert told["worked p99"] < STEP_MS and told["slept p99"] < STEP_MS, told
    assert told["slept most"] < ASLEEP_MS, told


def test_a_loop_that_asked_the_database_would_be_found(worker: list[str], postgres: OwnPostgres) -> None:
    """The same measure on a loop that does what it must not."""
    assert steps(worker, postgres, "careless")["slept most"] > ASLEEP_MS
