"""A real served process: `authserver serve` with its own folder and database, and the shell of its operator."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.services import postgres
from tests.support import at_end, databases, fault_table, operators
from tests.support.browsing import Browser, OverHttp
from tests.support.operators import Shell
from tests.support.third_party import CALLBACK, App

ROOT = Path(__file__).parent.parent.parent
COMMAND = Path(sys.executable).parent / "authserver"
PASSWORD = "a walk along the river bank"
KINDS = os.environ.get("TEST_DATABASES", "sqlite,postgresql").split(",")
START_SECONDS = 60
# Nothing of the caller's own installation reaches the server under test.
LEFT_OUT = re.compile(r"^(AUTHSERVER_.*|DATABASE_URL|REDIS_URL|PORT|WEB_CONCURRENCY)$")


class Refused(Exception):
    """A command that ended with another exit code than 0."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"exit {code}: {text}")
        self.code, self.text = code, text


@dataclass
class Served:
    """A running server and what its operator can do."""

    kind: str
    issuer: str
    folder: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    home: Path = ROOT
    people: dict[str, str] = field(default_factory=dict)
    shell: Shell | None = None

    # -- the operator

    def cli(self, *words: str, stdin: str = "") -> Any:
        """Run a command with --json and read its answer. Raises Refused."""
        if self.shell is None:
            self.shell = (
                operators.of_this_checkout(self.environment, self.folder)
                if self.home == ROOT
                else operators.of_another(_programs(self.home) / "python", self.home, self.environment, self.folder)
            )
        done = self.shell.run([*words, "--json"], stdin)
        if done["code"]:
            raise Refused(done["code"], done["err"] + done["out"])
        return json.loads(done["out"]) if done["out"].strip() else None

    def user(self, email: str, *, admin: bool = False) -> str:
        """A person with PASSWORD, made once; their id."""
        if email not in self.people:
            more = ["--admin"] if admin else []
            made = self.cli("user", "create", email, "--name", email.partition("@")[0].title(), *more,
                            "--password-stdin", stdin=PASSWORD + "\n")  # fmt: skip
            self.people[email] = made["id"]
        return self.people[email]

    def app(self, name: str = "Example", *words: str, redirect_uri: str = CALLBACK, **facts: Any) -> App:
        """Register a web app with the code and refresh grants, unless `words` say otherwise."""
        if not any(word in words for word in ("--grant", "--from")):
            words = (*words, "--grant", "authorization_code", "--grant", "refresh_token")
        if "authorization_code" in words:
            words = (*words, "--redirect-uri", redirect_uri)
        if "--scope" not in words:
            words = (*words, "--scope", "openid profile email offline_access workflows:read workflows:write")
        made = self.cli("client", "create", "--name", name, *words)
        return App(
            self.issuer,
            OverHttp(),
            made["client_id"],
            made.get("client_secret") or "",
            redirect_uri=redirect_uri,
            **facts,
        )

    def machine(self, name: str = "Job", *words: str) -> App:
        """Register a client that acts for itself."""
        return self.app(name, "--grant", "client_credentials", "--scope", "workflows:read workflows:write", *words)

    def browser(self, email: str = "") -> Browser:
        """A new browser; signed in as this person if one is named."""
        browser = Browser(self.issuer, OverHttp())
        if email:
            self.user(email)
            browser.sign_in(email, PASSWORD)
        return browser

    # -- the process

    @property
    def log(self) -> str:
        """Everything the server has said so far; it writes its lines a moment after it answers."""
        time.sleep(0.05)
        return (self.folder / "server.log").read_text("utf-8", "replace")

    def errors(self) -> list[str]:
        """Lines of the log that tell of a fault of ours."""
        return [line for line in self.log.splitlines() if '"level":"error"' in line or "Traceback" in line]

    def workers(self) -> list[int]:
        """Process ids of the workers: children that hold the listening socket's code."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        spawned = [int(pid) for pid in children]
        return [pid for pid in spawned if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def stop(self, *, gently: bool = False) -> int:
        """End it; `gently` waits for the drain. A second signal stops at once. Returns the exit code."""
        if self.shell is not None:
            self.shell.end()
            self.shell = None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            if not gently:
                time.sleep(0.05)
                with contextlib.suppress(ProcessLookupError):
                    self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60 if gently else 20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(10)


def _programs(home: Path) -> Path:
    """Where the commands of a checkout are."""
    return COMMAND.parent if home == ROOT else home / ".venv" / "bin"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def environment(url: str, folder: Path, port: int, **settings: Any) -> dict[str, str]:
    """The variables of a server of its own."""
    kept = {name: value for name, value in os.environ.items() if not LEFT_OUT.match(name)}
    ours = {
        "secret_key": databases.SECRET_KEY,
        "database_url": url,
        "data_dir": str(folder),
        "issuer": f"http://localhost:{port}",
        "metrics_bind": "off",
        "log_format": "json",
        "log_level": "INFO",
        # All tests come from one address.
        "login_failures_per_address": 100_000,
        "authorization_requests_per_address": 100_000,
    }
    return kept | {f"AUTHSERVER_{name.upper()}": str(value) for name, value in (ours | settings).items()}


def start(
    kind: str,
    folder: Path,
    *,
    workers: int = 2,
    threads: int = 4,
    url: str = "",
    stderr: int | None = None,
    under: Sequence[str] = (),
    home: Path = ROOT,
    variables: Mapping[str, str] | None = None,
    first: bool = False,
    ready: str = "/readyz",
    **settings: Any,
) -> Served:
    """Start a server on a database of its own, without anybody's rows, and wait until it is ready.

    A `first` start finds it empty and migrates it, which takes a second; the others, a copy that was migrated once.
    `ready` is the path that answers 200 then.
    `stderr` takes its lines instead of the file; `under` are words before the command. `home` is another checkout
    that was set up, and `variables` are no settings of the server.
    """
    port = free_port()
    fault_table.on(kind)
    if not url:
        url = _empty(kind, folder) if first or home != ROOT else _migrated(kind, folder)
    environ = environment(url, folder, port, **settings) | dict(variables or {})
    log = (folder / "server.log").open("ab")
    process = subprocess.Popen(
        [
            *under,
            _programs(home) / "authserver",
            "serve",
            "--port",
            str(port),
            "--workers",
            str(workers),
            "--threads",
            str(threads),
        ],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log if stderr is None else stderr,
        start_new_session=True,
    )
    served = Served(kind, f"http://localhost:{port}", folder, environ, process, home)
    try:
        wait_until_ready(served, ready)
    except BaseException:
        served.stop()
        raise
    return served


def _empty(kind: str, folder: Path) -> str:
    return f"sqlite:///{folder / 'served.sqlite3'}" if kind == "sqlite" else postgres.create_database()


def _migrated(kind: str, folder: Path) -> str:
    if kind != "sqlite":
        return postgres.create_database(postgres.template("migrated", databases.build))
    shutil.copy(databases.sqlite_template(), folder / "served.sqlite3")
    return f"sqlite:///{folder / 'served.sqlite3'}"


def wait_until_ready(served: Served, path: str = "/readyz") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if served.process.poll() is not None:
            break
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(served.issuer + path, timeout=5).status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"the server did not become ready (exit {served.process.poll()}):\n{served.log[-4000:]}")


@contextlib.contextmanager
def running(kind: str, **options: Any) -> Iterator[Served]:
    """A server for one block."""
    folder = Path(tempfile.mkdtemp(prefix="authserver-served-"))
    served = None
    try:
        served = start(kind, folder, **options)
        yield served
    finally:
        if served:
            served.stop()
            if kind == "postgresql" and "url" not in options:
                postgres.drop_database(served.environment["AUTHSERVER_DATABASE_URL"])
        shutil.rmtree(folder, ignore_errors=True)


# ---- fixtures: one server per database and process of the run, however many folders use it -----------------

_running: dict[str, Served] = {}


def shared(kind: str, **options: Any) -> Served:
    """The server of this database for this process of the run."""
    name = f"{kind} {sorted(options.items())}"
    if name not in _running or _running[name].process.poll() is not None:
        _running[name] = at_end.stack.enter_context(running(kind, **options))
    return _running[name]


@pytest.fixture(scope="session", params=KINDS)
def served(request: pytest.FixtureRequest) -> Served:
    """Two workers on SQLite, then on PostgreSQL; grace of 10 seconds, as by default."""
    return shared(request.param)


@pytest.fixture(scope="session", params=KINDS)
def served_strictly(request: pytest.FixtureRequest) -> Served:
    """The same without any grace for refresh tokens."""
    return shared(request.param, refresh_grace=0)


@pytest.fixture(scope="module")
def faults_before(served: Served) -> int:
    """How many lines tell of a fault before a module begins: others may have filled rooms of the same server."""
    return len(served.errors())
