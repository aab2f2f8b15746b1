"""Locks between the processes of one test run; the system frees them when a process ends, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO


def _is_same_file(file: IO[str], path: Path) -> bool:
    """Whether the path still leads to this open file: its last holder may have removed it."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until no other process is inside, and keep the others out."""
    while True:
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_same_file(file, path):
                yield
                return


def share(path: Path) -> IO[str]:
    """Count as a user of what the file stands for, until the answer is closed or this process ends."""
    file = path.open("w")
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


def wait_until_unused(path: Path) -> None:
    """Return once no process shares the file."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)


def is_unused(path: Path) -> bool:
    """Whether no process shares the file at this moment."""
    with path.open("w") as file, contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
