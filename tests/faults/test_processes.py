"""Processes that die, signals that come from outside, addresses that cannot be had: on real processes."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import requests

from authserver.cli.processes import DRAIN_SECONDS
from tests.support import fault_table, served
from tests.support.served import Served

pytestmark = [pytest.mark.served, pytest.mark.fault]


class Asking(threading.Thread):
    """Asks for the key set without a pause, each time over a new connection; what was no 200 is kept."""

    def __init__(self, server: Served) -> None:
        super().__init__(daemon=True)
        self.url = server.issuer + "/.well-known/jwks.json"
        self.answers, self.failures, self._over = 0, list[str](), threading.Event()

    def run(self) -> None:
        while not self._over.is_set():
            try:
                status = requests.get(self.url, timeout=10).status_code
            except requests.RequestException as error:
                self.failures.append(type(error).__name__)
            else:
                self.answers += 1
                if status != 200:
                    self.failures.append(str(status))

    def __enter__(self) -> Asking:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(20)
        refused = sum(each.isdigit() for each in self.failures)
        fault_table.asked(answered=self.answers - refused, failed=len(self.failures))


def kill_a_worker(server: Served) -> None:
    """And wait until it is gone."""
    killed = server.workers()[0]
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: killed not in server.workers())


def wait_for(what: Callable[[], bool], seconds: float = 20) -> None:
    began = time.monotonic()
    while not what():
        assert time.monotonic() < began + seconds, "it never came to be"
        time.sleep(0.05)
    fault_table.came_back(time.monotonic() - began)


@pytest.mark.long_fault
def test_workers_that_die_again_and_again_are_replaced_each_time() -> None:
    with served.running("sqlite", workers=2) as server:
        for _ in range(5):
            kill_a_worker(server)
            wait_for(lambda: len(server.workers()) == 2)
        wait_for(lambda: is_ready(int(server.issuer.rpartition(":")[2])))
        assert server.process.poll() is None
        died = [line for line in server.log.splitlines() if '"event":"worker_died"' in line]
        assert len(died) == 5 and '"exit":-9' in died[0]


@pytest.mark.long_fault
def test_a_server_whose_workers_all_die_young_gives_up_after_a_minute() -> None:
    with served.running("sqlite", workers=1) as server:
        started = time.monotonic()
        while server.process.poll() is None:
            for worker in server.workers():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
            assert time.monotonic() - started < 120
            time.sleep(0.02)
        assert server.process.returncode == 1
        assert time.monotonic() - started > 55
        assert '"event":"gave_up"' in server.log


def test_a_hangup_changes_nothing_for_a_server_without_a_terminal() -> None:
    with served.running("sqlite", workers=2) as server, Asking(server) as asking:
        before = server.workers()
        os.killpg(server.process.pid, signal.SIGHUP)
        time.sleep(1)
        assert server.workers() == before
    assert asking.answers > 10
    assert asking.failures == []


@pytest.mark.long_fault
def test_a_stop_of_the_whole_group_drains_like_one_of_the_server_alone() -> None:
    """Shells, containers and systemd tell every process: workers wait for the server's word."""
    with served.running("sqlite", workers=2) as server:
        started = time.monotonic()
        with Asking(server) as asking:
            os.killpg(server.process.pid, signal.SIGTERM)
            wait_for(lambda: requests.get(server.issuer + "/readyz", timeout=10).status_code == 503)
            time.sleep(DRAIN_SECONDS - 1.5 - (time.monotonic() - started))
        assert server.process.wait(40) == 0
        assert time.monotonic() - started >= DRAIN_SECONDS
    assert asking.answers > 10
    assert asking.failures == []


@pytest.mark.long_fault
def test_a_stop_of_one_worker_is_meant_for_that_worker() -> None:
    with served.running("sqlite", workers=2) as server, Asking(server) as asking:
        worker = server.workers()[0]
        os.kill(worker, signal.SIGTERM)
        wait_for(lambda: worker not in server.workers() and len(server.workers()) == 2)
    assert [each for each in asking.failures if each != "ConnectionError"] == []


@pytest.mark.long_fault
def test_closing_the_terminal_ends_what_was_started_in_it(tmp_path: Path) -> None:
    """Else whoever tries it out leaves a server behind that holds the port."""
    port = served.free_port()
    variables = served.environment(f"sqlite:///{tmp_path / 'x.sqlite3'}", tmp_path, port)
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.execve(served.COMMAND, [str(served.COMMAND), "serve", "--port", str(port)], variables)
    wait_for(lambda: is_ready(port), 30)
    os.close(terminal)
    wait_for(lambda: os.waitpid(child, os.WNOHANG)[0] == child)
    wait_for(lambda: not is_ready(port))


def is_ready(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def start_worker(server: Served) -> subprocess.Popen[bytes]:
    """`authserver worker` beside this server, once it works."""
    log = server.folder / "worker.log"
    with log.open("ab") as out:
        worker = subprocess.Popen(
            [str(served.COMMAND), "worker"], env=server.environment, cwd=server.folder, stdin=subprocess.DEVNULL,
            stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    wait_for(lambda: "worker_started" in log.read_text())
    return worker


@pytest.mark.long_fault
def test_the_worker_outlives_a_hangup_and_ends_at_a_signal() -> None:
    with served.running("sqlite", workers=1) as server:
        worker = start_worker(server)
        os.killpg(worker.pid, signal.SIGHUP)
        time.sleep(0.5)
        assert worker.poll() is None
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(15) == 0


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """A service manager's socket, as systemd has it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.settimeout(20)
        yield heard


def test_a_service_manager_is_told_when_it_serves_that_it_lives_and_when_it_stops(
    manager: socket.socket, tmp_path: Path
) -> None:
    """sd_notify(3)."""
    told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
    with served.running("sqlite", workers=1, variables=told) as server:
        assert manager.recv(100).startswith(b"READY=1")
        assert manager.recv(100) == b"WATCHDOG=1"
        server.process.send_signal(signal.SIGTERM)
        while (said := manager.recv(100)) == b"WATCHDOG=1":
            pass
        assert said == b"STOPPING=1"


def test_an_address_of_another_machine_is_told_with_the_remedy(tmp_path: Path) -> None:
    code, said = serve(tmp_path, "--host", "192.0.2.1", "--port", str(served.free_port()))
    assert code == 4
    assert "192.0.2.1 is no address of this machine: choose one with --host" in said


def test_a_taken_port_is_told_with_who_has_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = serve(tmp_path, "--port", str(port))
    assert code == 4
    assert f"is taken by {Path('/proc/self/comm').read_text().strip()} (process {os.getpid()})" in said


def test_a_port_of_root_is_told_with_what_may_be_done(tmp_path: Path) -> None:
    """Root without the capability is refused as everybody else is."""
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 81:
        pytest.skip("every user may bind every port here")
    code, said = serve(tmp_path, "--port", "81", under=["setpriv", "--bounding-set=-net_bind_service"])
    assert code == 4
    assert "may not be bound by this user" in said and "CAP_NET_BIND_SERVICE" in said


def serve(folder: Path, *words: str, under: Sequence[str] = ()) -> tuple[int, str]:
    """Exit code and stderr of a start that fails."""
    variables = served.environment(f"sqlite:///{folder / 'x.sqlite3'}", folder, served.free_port())
    done = subprocess.run(
        [*under, str(served.COMMAND), "serve", *words], env=variables, cwd=folder, capture_output=True, text=True,
        timeout=30,
    )  # fmt: skip
    return done.returncode, done.stderr
