"""A PostgreSQL and its standby, made by the very scripts of deploy/scaled and deploy/postgres.

One address each and one port, so that the host alone tells them apart: WRITER is 127.0.0.1 or 127.0.0.2.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.services import missing, postgres
from tests.services.postgres_keeper import server_account

ROOT = Path(__file__).parent.parent.parent
SCRIPTS = ("deploy/postgres/roles.sh", "deploy/scaled/replication.sh", "deploy/scaled/postgres.sh",
           "deploy/scaled/pgbouncer.sh")  # fmt: skip
HOSTS = ("127.0.0.1", "127.0.0.2")
SECONDS = 60
ROLES = ("server", "owner", "standby")
SETTINGS = {"fsync": "off", "shared_buffers": "64MB", "jit": "off", "max_connections": "120", "log_line_prefix": "%m "}


@dataclass
class Replicas:
    """Both; `writer` is the host of the one that is written to."""

    folder: Path
    binaries: Path
    port: int
    writer: str = HOSTS[0]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    # -- what is asked

    def url(self, role: str = "authserver", *, hosts: Sequence[str] = (), query: str = "") -> str:
        """As libpq takes it, with the role's password."""
        where = ",".join(f"{host}:{self.port}" for host in hosts or [self.writer])
        return f"postgresql://{role}:{self.password(role)}@{where}/authserver{query}"

    def password(self, role: str) -> str:
        names = {"authserver": "server", "authserver_owner": "owner", "authserver_standby": "standby"}
        return (self.folder / "secrets" / names[role]).read_text()

    def ask(self, statement: str, *, host: str = "") -> Any:
        """The first value that it answers, to the superuser by the socket."""
        where = f"host={self._sockets(host or self.writer)} port={self.port} user=postgres dbname=postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            row = connection.execute(statement).fetchone()  # type: ignore[arg-type]  # a text of the test's own
            return row[0] if row else None

    @property
    def standby(self) -> str:
        return next(host for host in HOSTS if host != self.writer)

    # -- what is done

    def start(self, host: str) -> None:
        """By deploy/scaled/postgres.sh: as the one that is written to, or as a standby, which copies it first."""
        words = {"port": self.port, "listen_addresses": host, "unix_socket_directories": self._sockets(host)}
        words |= {"synchronous_standby_names": "*"} | SETTINGS
        options = [part for name, value in words.items() for part in ("-c", f"{name}={value}")]
        variables = {
            "NAME": host, "WRITER": self.writer, "WRITER_PORT": str(self.port), "PGDATA": str(self._data(host)),
            "PLACE": str(self._place(host)), "STANDBY_PASSWORD_FILE": str(self.folder / "secrets" / "standby"),
        }  # fmt: skip
        with (self._place(host) / "log").open("ab") as log:
            self.processes[host] = subprocess.Popen(
                [self.folder / "postgres.sh", *options], env=self._environment() | variables, cwd=self._place(host),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **server_account(),
            )  # fmt: skip
        self._wait(lambda: self.ask("SELECT 1", host=host) == 1, host)

    def follow(self) -> None:
        """Start the standby, and wait until commits wait for it."""
        self.start(self.standby)
        asked = "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'"
        self._wait(lambda: self.ask(asked) == "sync", self.standby)

    def kill(self, host: str) -> None:
        """Every process of it, at once and without a word."""
        process = self.processes.pop(host)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(SECONDS)
        (self._data(host) / "postmaster.pid").unlink(missing_ok=True)

    def promote(self) -> None:
        """The standby becomes the one that is written to, as docs/operations/scaling.md says."""
        host = self.standby
        self._run([self.binaries / "pg_ctl", "promote", "-D", self._data(host), "-w"], cwd=self._place(host))
        self.writer = host

    def stop(self) -> None:
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(SECONDS)

    # -- the first start

    def make(self) -> None:
        """What the image does in an empty folder: initdb, then the two scripts, before anybody can connect by TCP."""
        for host in HOSTS:
            for folder in (self._place(host), self._sockets(host)):
                folder.mkdir(mode=0o755)
                self._own(folder)
        data, sockets = self._data(HOSTS[0]), self._sockets(HOSTS[0])
        how = ["-U", "postgres", "--auth-local=trust", "--auth-host=scram-sha-256", "-E", "UTF8", "--locale=C", "-N"]
        self._run([self.binaries / "initdb", "-D", data, *how])
        here = f"-c listen_addresses= -c port={self.port} -c unix_socket_directories={sockets}"
        self._run(
            [self.binaries / "pg_ctl", "start", "-D", data, "-w", "-l", self._place(HOSTS[0]) / "log", "-o", here]
        )
        secrets = {f"{role.upper()}_PASSWORD_FILE": str(self.folder / "secrets" / role) for role in ROLES}
        told = {"PGHOST": str(sockets), "PGPORT": str(self.port), "PGDATA": str(data)}
        for script in ("roles.sh", "replication.sh"):
            self._run([self.folder / script], **secrets, **told)
        self._run([self.binaries / "pg_ctl", "stop", "-D", data, "-w", "-m", "fast"])
        with (data / "pg_hba.conf").open("a") as hba:
            hba.write("host all all all scram-sha-256\n")

    def _run(self, command: Sequence[Any], cwd: Path | None = None, **variables: str) -> None:
        done = subprocess.run(
            command, env=self._environment() | variables, cwd=cwd or self.folder, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=SECONDS, **server_account(),
        )  # fmt: skip
        assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"

    def _environment(self) -> dict[str, str]:
        return {"LC_ALL": "C", "PATH": f"{self.folder / 'programs'}:{self.binaries}:{os.environ.get('PATH', '')}"}

    def _place(self, host: str) -> Path:
        return self.folder / host

    def _data(self, host: str) -> Path:
        return self._place(host) / "data"

    def _sockets(self, host: str) -> Path:
        return self._place(host) / "s"

    def _own(self, path: Path) -> None:
        if account := server_account():
            os.chown(path, account["user"], account["group"])

    def _wait(self, holds: Any, host: str) -> None:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(psycopg.OperationalError):
                if holds():
                    return
            time.sleep(0.05)
        raise AssertionError("PostgreSQL did not start:\n" + (self._place(host) / "log").read_text()[-4000:])


def _binaries() -> Path:
    """The wheel of the tests has no pg_basebackup."""
    for folder in postgres.system_binaries():
        if (folder / "pg_basebackup").exists():
            return folder
    return missing.skip_or_fail("PostgreSQL with pg_basebackup is not installed", "sudo apt-get install -y postgresql")


@contextlib.contextmanager
def running() -> Iterator[Replicas]:
    """Both for one block, the second following the first."""
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="authserver-replicas-"))
    folder.chmod(0o755)
    server = Replicas(folder, binaries, _free_port())
    try:
        _fill(server)
        server.make()
        server.start(server.writer)
        server.follow()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _fill(server: Replicas) -> None:
    """The scripts, passwords, and what stands for the image's own entry once its folder is filled."""
    for name in SCRIPTS:
        shutil.copy(ROOT / name, server.folder)
    for name in ("secrets", "programs"):
        (server.folder / name).mkdir()
    for role in ROLES:
        file = server.folder / "secrets" / role
        file.write_text(f"password_of_the_{role}")
        server._own(file)
    entry = server.folder / "programs" / "docker-entrypoint.sh"
    entry.write_text('#!/bin/sh\nexec "$@"\n')
    entry.chmod(0o755)


def _free_port() -> int:
    """One that is free at both addresses."""
    with socket.socket() as one, socket.socket() as other:
        one.bind((HOSTS[0], 0))
        port = int(one.getsockname()[1])
        other.bind((HOSTS[1], port))
        return port


@dataclass
class Pooler:
    """PgBouncer before them, by deploy/scaled/pgbouncer.sh."""

    replicas: Replicas
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://authserver:{self.replicas.password('authserver')}@127.0.0.1:{self.port}/authserver"

    def start(self) -> None:
        """Leads to whichever is written to now."""
        replicas = self.replicas
        variables = {
            "WRITER": replicas.writer, "WRITER_PORT": str(replicas.port), "LISTEN_ADDRESS": "127.0.0.1",
            "LISTEN_PORT": str(self.port), "PLACE": str(replicas.folder / "pooler"),
            "SERVER_PASSWORD_FILE": str(replicas.folder / "secrets" / "server"),
            "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin",
        }  # fmt: skip
        place = replicas.folder / "pooler"
        place.mkdir(exist_ok=True)
        replicas._own(place)
        with (place / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [replicas.folder / "pgbouncer.sh"], env=variables, cwd=place, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, **server_account(),
            )  # fmt: skip
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise AssertionError("PgBouncer did not start:\n" + (place / "log").read_text())

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(SECONDS)


@contextlib.contextmanager
def pooled(replicas: Replicas) -> Iterator[Pooler]:
    """A pooler for one block."""
    if shutil.which("pgbouncer") is None and shutil.which("pgbouncer", path="/usr/sbin") is None:
        missing.skip_or_fail("PgBouncer is not installed", "sudo apt-get install -y pgbouncer")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = int(listening.getsockname()[1])
    pooler = Pooler(replicas, port)
    pooler.start()
    try:
        yield pooler
    finally:
        pooler.stop()
