"""Keeps one PostgreSQL alive while any test process uses it: `python -m tests.services.postgres_keeper`.

Users share a lock; once this process can have it alone nobody is left, and it stops the server and removes the folder.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.services import locks

# Data of tests need not survive a power cut: no flush to disk is what makes a database per test affordable.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "jit": "off",
}


def server_account() -> dict[str, Any]:
    """Arguments for `subprocess` that leave root, which PostgreSQL refuses."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    entry = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def make_folders(run: Path) -> tuple[Path, Path]:
    """The data and the socket folder, owned by the account of the server."""
    account = server_account()
    folders = run / "data", run / "s"
    for folder in folders:
        folder.mkdir(mode=0o700)
        if account:
            os.chown(folder, account["user"], account["group"])
    return folders


def is_ready(data: Path) -> bool:
    """Whether the server accepts connections: it says so in the last line of its pid file."""
    with contextlib.suppress(OSError):
        return (data / "postmaster.pid").read_text().rstrip().endswith("ready")
    return False


@contextlib.contextmanager
def served(binaries: Path, run: Path) -> Iterator[str]:
    """Make and run a server; yields the URL of its maintenance database.

    Raises RuntimeError or CalledProcessError if it does not come up; its own words are in the log of the keeper.
    """
    data, sockets = make_folders(run)
    common: dict[str, Any] = {
        "cwd": run,
        "stdin": subprocess.DEVNULL,
        "env": {"LC_ALL": "C", "PATH": os.environ.get("PATH", "")},
        **server_account(),
    }
    initdb = [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
    subprocess.run(initdb, check=True, **common)
    options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    server = subprocess.Popen([binaries / "postgres", "-D", data, "-k", sockets, *options], **common)
    try:
        deadline = time.monotonic() + 30
        while not is_ready(data):
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("PostgreSQL did not start")
            time.sleep(0.02)
        yield f"postgresql+psycopg://postgres@/postgres?host={sockets}"
    finally:
        server.send_signal(signal.SIGINT)  # "fast": ends the sessions, leaves a clean data folder
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()


@contextlib.contextmanager
def borrowed(url: str, prefix: str) -> Iterator[str]:
    """A server that runs already (TEST_DATABASE_URL); the databases of this run are dropped at its end."""
    try:
        yield url
    finally:
        with psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True) as connection:
            rows = connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [prefix])
            for (name,) in rows.fetchall():
                drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
                connection.execute(drop)


@contextlib.contextmanager
def unused(run: Path) -> Iterator[None]:
    """Wait until nobody uses the server, then keep newcomers out while it is taken down."""
    while True:
        locks.wait_until_unused(run / "users")
        with locks.alone(run.with_suffix(".starting")):
            if locks.is_unused(run / "users"):  # else somebody joined between the two lines above
                yield
                return


def keep(run: Path, kind: str, place: str, prefix: str) -> None:
    """Serve until nobody uses it, then leave nothing behind."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.ExitStack() as closed:  # to newcomers, until nothing is left that could be taken for theirs
        with contextlib.ExitStack() as cleaning:
            cleaning.callback(shutil.rmtree, run / "data", ignore_errors=True)
            cleaning.callback(shutil.rmtree, run / "s", ignore_errors=True)
            cleaning.callback((run / "url").unlink, missing_ok=True)
            with served(Path(place), run) if kind == "binaries" else borrowed(place, prefix) as url:
                (run / "url.new").write_text(url)
                (run / "url.new").rename(run / "url")
                closed.enter_context(unused(run))
        shutil.rmtree(run)
        run.with_suffix(".starting").unlink(missing_ok=True)


if __name__ == "__main__":
    keep(Path(sys.argv[1]), *sys.argv[2:])
