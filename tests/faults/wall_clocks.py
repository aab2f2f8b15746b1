"""Machines whose clock is set wrong: a process sees the wall clock of a file, and every other clock as it is.

libfaketime moves the steady clock as well, or breaks waiting by it (0.9.10), so that this is a shim of our own.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.support import at_end

SOURCE = Path(__file__).with_name("wall_clock.c")
HOUR, DAY = 3600, 86_400


class WallClock:
    """One that a test sets, for every process that is started with its variables."""

    def __init__(self, folder: Path, name: str = "clock", ahead: int = 0) -> None:
        self._file = folder / name
        self.set(ahead)

    def set(self, ahead: int) -> None:
        """By how many seconds it is ahead of the true time from now on."""
        beside = self._file.with_suffix(".new")
        beside.write_text(str(ahead))
        beside.replace(self._file)

    @property
    def variables(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(_shim()), "WALL_CLOCK_FILE": str(self._file)}


@functools.cache
def _shim() -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("NOT TESTED: a wall clock can be moved only where there is a C compiler")
    built = Path(at_end.stack.enter_context(tempfile.TemporaryDirectory())) / "wall_clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(built), str(SOURCE)], check=True)
    return built
