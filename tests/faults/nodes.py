"""The scaled profile of real processes: two nodes behind nginx, PostgreSQL with a standby, PgBouncer, Valkey."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.faults.watching import until
from tests.services import balancer, replicas, valkey
from tests.services.replicas import Pooler, Replicas
from tests.services.valkey import Valkey
from tests.support import served
from tests.support.browsing import OverHttp
from tests.support.served import Served
from tests.support.third_party import App

# The promised second, and what a full machine may add to it.
SOON = 1.5
# How nodes find the PostgreSQL that is written to; docs/operations/scaling.md has both.
WAYS = ("pooler", "several hosts")


@dataclass
class Nodes:
    """`front` is what people see: commands are its operator's, requests go through nginx to whichever node it takes."""

    front: Served
    each: list[Served]
    replicas: Replicas
    pooler: Pooler
    counters: Valkey
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def app(self, app: App) -> App:
        """The same with a connection of its own, for a thread of its own."""
        return dataclasses.replace(app, wire=OverHttp())

    def at(self, number: int, app: App) -> App:
        """The same at one node, past nginx."""
        return dataclasses.replace(app, wire=OverHttp(), issuer=self.address(number))

    def address(self, number: int) -> str:
        return self.each[number].issuer

    def execute(self, statement: str) -> Any:
        """The first value that it answers, to the schema's owner."""
        with psycopg.connect(self.replicas.url("authserver_owner"), autocommit=True) as connection:
            found = connection.execute(statement)  # type: ignore[arg-type]  # a text of the test's own
            row = found.fetchone() if found.description else None
            return row[0] if row else None

    def seen_by_both(self, path: str, before: list[int]) -> bool:
        """Whether each node answered this path since its log had that many characters."""
        logs = [node.log[at:] for node, at in zip(self.each, before, strict=True)]
        return all(f'"{path}"' in log for log in logs)

    def logged(self) -> list[int]:
        return [len(node.log) for node in self.each]

    def start_worker(self, folder: Path, **settings: Any) -> subprocess.Popen[bytes]:
        """`authserver worker` beside a node."""
        more = {f"AUTHSERVER_{name.upper()}": str(value) for name, value in settings.items()}
        folder.mkdir(exist_ok=True)
        with (folder / "worker.log").open("ab") as out:
            worker = subprocess.Popen(
                [str(served.COMMAND), "worker"], env=self.front.environment | more, cwd=folder,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        self.workers.append(worker)
        until(lambda: "worker_started" in (folder / "worker.log").read_text(), seconds=30)
        return worker

    def kill(self, number: int) -> None:
        """A node with all its processes, without a word."""
        node = self.each[number]
        children = [int(pid) for pid in node.workers()]
        for pid in (node.process.pid, *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        node.process.wait(20)

    def start_again(self, number: int) -> None:
        """A node that ended, at the port that it had."""
        node = self.each[number]
        with (node.folder / "server.log").open("ab") as log:
            node.process = subprocess.Popen(
                node.process.args, cwd=node.folder, env=node.environment, stdin=subprocess.DEVNULL,  # type: ignore[arg-type]
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        served.wait_until_ready(node)


def url(way: str, pooler: Pooler) -> str:
    """AUTHSERVER_DATABASE_URL of the nodes."""
    if way == "pooler":
        return pooler.url
    return pooler.replicas.url(hosts=replicas.HOSTS, query="?target_session_attrs=read-write")


@contextlib.contextmanager
def running(folder: Path, way: str = "pooler", **settings: Any) -> Iterator[Nodes]:
    """All of it for one block, migrated by the schema's owner."""
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(replicas.running())
        pooler = stack.enter_context(replicas.pooled(database))
        counters = stack.enter_context(valkey.running(folder))
        port = served.free_port()
        issuer = f"http://localhost:{port}"
        same: dict[str, Any] = {
            "url": url(way, pooler), "issuer": issuer, "redis_url": counters.url, "trusted_proxies": "127.0.0.1/32",
            "workers": 1, "rate_limit_token": "off",
        } | settings  # fmt: skip
        _migrate(database, same["url"], folder)
        each = []
        for number in (1, 2):
            place = folder / f"node-{number}"
            place.mkdir()
            node = served.start("postgresql", place, **same)
            stack.callback(node.stop)
            node.issuer = f"http://localhost:{node.process.args[3]}"  # type: ignore[index]  # its words
            each.append(node)
        ports = [int(node.issuer.rpartition(":")[2]) for node in each]
        stack.enter_context(balancer.before(ports, port, folder / "balancer"))
        nodes = Nodes(dataclasses.replace(each[0], issuer=issuer), each, database, pooler, counters)
        stack.callback(_end, nodes)
        yield nodes


def _migrate(database: Replicas, server: str, folder: Path) -> None:
    environ = served.environment(server, folder, 1, migrate_database_url=database.url("authserver_owner"))
    done = subprocess.run(
        [str(served.COMMAND), "migrate"], env=environ, cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _end(nodes: Nodes) -> None:
    for worker in nodes.workers:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait(20)
    if nodes.front.shell is not None:
        nodes.front.shell.end()
