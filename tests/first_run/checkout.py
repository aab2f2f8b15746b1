"""A copy of the project as a stranger would clone it, and the demo started in it."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.architecture import sources

# Of the shell that runs the tests, nothing that belongs to their own environment.
LEFT_OUT = re.compile(
    r"^(VIRTUAL_ENV|PYTHON.*|PYTEST.*|AUTHSERVER_.*|DATABASE_URL|TEST_DATABASE_URL|PORT|PG|ARGS|MAKE.*|MFLAGS)$"
)
NO_NETWORK = {
    "http_proxy": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "no_proxy": "localhost,127.0.0.1",
    "PIP_NO_INDEX": "1",
    "UV_OFFLINE": "1",
}


@dataclass(frozen=True)
class Demo:
    """A running demo: what it printed, where it listens, how long it took."""

    card: str
    issuer: str
    seconds: float

    @property
    def curl(self) -> str:
        """The command of the card that fetches the first token."""
        return next(line.strip() for line in self.card.splitlines() if line.strip().startswith("curl "))


def copy(folder: Path) -> Path:
    """The project's files, and only those, in a folder whose path has spaces."""
    target = folder / "a fresh clone"
    for name in sources.files():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(sources.ROOT / name, target / name)
    return target


def without_uv(folder: Path, also: str = "$") -> str:
    """A PATH with every program of this machine but uv, and but those whose names begin as `also` says."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    for place in map(Path, os.environ["PATH"].split(os.pathsep)):
        for program in place.iterdir() if place.is_dir() else ():
            if not re.match(rf"uvx?$|{also}", program.name) and not os.path.lexists(programs / program.name):
                (programs / program.name).symlink_to(program)
    return str(programs)


def uv() -> Path:
    """The uv of this machine, or the one that our own set-up fetched."""
    found = shutil.which("uv")
    return Path(found) if found else sources.ROOT / ".venv/uv/bin/uv"


def environment(**more: str) -> dict[str, str]:
    """The caller's environment without what would help or disturb a stranger's first run."""
    kept = {name: value for name, value in os.environ.items() if not LEFT_OUT.match(name)}
    return {**kept, "NO_BROWSER": "1", **more}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _read_card(demo: subprocess.Popen[str], seconds: float) -> str:
    """Everything printed up to the line with the first token's command."""
    lines: queue.Queue[str] = queue.Queue()

    def pump() -> None:
        for line in demo.stdout or ():
            lines.put(line)
        lines.put("")

    threading.Thread(target=pump, daemon=True).start()
    printed: list[str] = []
    deadline = time.monotonic() + seconds
    while not (printed and printed[-1].strip().startswith("curl ")):
        try:
            line = lines.get(timeout=max(0.01, deadline - time.monotonic()))
        except queue.Empty:
            line = ""
        assert line, f"no card after {seconds} s; printed so far:\n{''.join(printed)}"
        printed.append(line)
    return "".join(printed)


@contextlib.contextmanager
def running(folder: Path, *, within: float, **variables: str) -> Iterator[Demo]:
    """`make run` until it has printed its card; stopped as by Ctrl-C afterwards, which has to work at once."""
    started = time.monotonic()
    demo = subprocess.Popen(
        ["make", "run"],
        cwd=folder,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        card = _read_card(demo, within)
        issuer = re.search(r"http://localhost:\d+", card)
        assert issuer, card
        yield Demo(card, issuer[0], time.monotonic() - started)
        os.killpg(demo.pid, signal.SIGINT)
        demo.wait(10)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(demo.pid, signal.SIGKILL)
