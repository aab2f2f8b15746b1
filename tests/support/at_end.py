"""What is to be done when the run ends: `atexit` is too late, processes of pytest-xdist end without it."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

stack = contextlib.ExitStack()


def folder(prefix: str, *, inside: Path | None = None) -> Path:
    """A new folder that goes with the run."""
    made = Path(tempfile.mkdtemp(prefix=prefix, dir=inside))
    stack.callback(shutil.rmtree, made, ignore_errors=True)
    return made
