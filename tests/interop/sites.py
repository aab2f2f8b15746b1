"""Other people's software as running processes, and the environments it is installed into."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.services import locks, missing

PYTHON = Path(__file__).parent / "python"  # one locked list of packages per environment
SYSTEM_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")  # Debian's
SECONDS = 240  # a program on a busy machine
INSTALL_SECONDS = 1500


def cache() -> Path:
    """Where installed software stays from run to run."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "authserver-interop"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def python(name: str) -> Path:
    """The interpreter of an environment with the packages of python/<name>.txt, made when they have changed."""
    lock = PYTHON / f"{name}.txt"
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = cache() / f"python-{name}-{digest}"
    interpreter, stamp = folder / "bin" / "python", folder / "complete"
    with locks.alone(cache() / f"python-{name}.lock"):
        if not stamp.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _install(folder, interpreter, lock)
            stamp.touch()
    return interpreter


def _install(folder: Path, interpreter: Path, lock: Path) -> None:
    uv = shutil.which("uv")
    if uv:
        _run([uv, "venv", "--quiet", "--no-config", "--python", sys.executable, str(folder)])
        command = [uv, "pip", "install", "--quiet", "--python", str(interpreter)]
    else:
        _run([sys.executable, "-m", "venv", str(folder)])
        command = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*command, "--require-hashes", "-r", str(lock)])


def _run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=INSTALL_SECONDS, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        missing.skip_or_fail(f"{' '.join(command)} failed: {done.stderr[-2000:]}", "a package index that is reached")


def go_program(module: str) -> Path:
    """A program of a Go module, such as example.org/tool@v1.2.3: built once, with Go's own proxy and checksums."""
    go = shutil.which("go")
    if go is None:
        missing.skip_or_fail("Go is not installed", "sudo apt-get install -y golang")
    path, _, version = module.partition("@")
    parts = path.split("/")
    name = parts[-2] if re.fullmatch(r"v\d+", parts[-1]) else parts[-1]
    folder = cache() / f"go-{name}-{version}"
    with locks.alone(cache() / f"go-{name}.lock"):
        if not (folder / name).exists():
            _run([go, "install", module], {**os.environ, "GOBIN": str(folder), "GOFLAGS": "-p=2"})
    return folder / name


def program(name: str, package: str) -> str:
    """A program of the system; without it the test is skipped or fails."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if not found:
        missing.skip_or_fail(f"{name} is not installed", f"sudo apt-get install -y {package}")
    return found


def trusting(bundle: Path, command: Sequence[str]) -> list[str]:
    """The command with our authority in the system's own list: for programs that read no other. Only root can."""
    if os.geteuid() or not shutil.which("unshare") or not SYSTEM_BUNDLE.exists():
        missing.skip_or_fail(
            "the system's certificates can be replaced for one process by root alone", "sudo make interop"
        )
    script = f'mount --bind "$0" {SYSTEM_BUNDLE} && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, str(bundle), *command]


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Lay files, by their names inside the folder."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n", "utf-8")


@contextlib.contextmanager
def running(
    command: Sequence[str], folder: Path, port: int, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A process for one block, once it listens; its words are in `site.log`."""
    log = folder / "site.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            list(command), cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        _wait(process, port, log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"it did not start (exit {process.poll()}):\n{log.read_text('utf-8', 'replace')[-4000:]}")
