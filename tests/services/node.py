"""Node and the locked packages of tests/interop/node."""

from __future__ import annotations

import functools
import shutil
import subprocess
from pathlib import Path

from tests.services import missing

FOLDER = Path(__file__).parent.parent / "interop" / "node"
OLDEST = 18


@functools.cache
def _major(path: str) -> int:
    """The major version of a Node program."""
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=True, timeout=30)
    return int(answer.stdout.strip().removeprefix("v").split(".")[0])


def command() -> list[str]:
    """The start of a Node command line; Node 18 (Debian 12) shows WebCrypto only when asked to."""
    path = shutil.which("node")
    if path is None or _major(path) < OLDEST:
        missing.skip_or_fail(f"Node {OLDEST} or newer is not installed", "sudo apt-get install -y nodejs npm")
    return [path, "--experimental-global-webcrypto"] if _major(path) == OLDEST else [path]


def folder(package: str) -> Path:
    """The folder to run scripts in, once `package` is installed there by its lock file."""
    if not (FOLDER / "node_modules" / package / "package.json").exists():
        missing.skip_or_fail(f"The Node package {package} is not installed", "npm --prefix tests/interop/node ci")
    return FOLDER
