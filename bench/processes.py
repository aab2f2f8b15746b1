"""What processes have worked: a server with its workers, a database with its backends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")


def tree(root: int) -> list[int]:
    """A process and all that it started."""
    found, at = [root], 0
    while at < len(found):
        for task in _listed(PROC / str(found[at]) / "task"):
            with contextlib.suppress(OSError):
                found += [int(pid) for pid in (task / "children").read_text().split()]
        at += 1
    return found


def worked(roots: Iterable[int]) -> dict[str, float]:
    """Seconds of a core by thread, of these processes and all that they started."""
    found = {}
    for root in roots:
        for pid in tree(root):
            for task in _listed(PROC / str(pid) / "task"):
                with contextlib.suppress(OSError):  # it ended at this moment
                    found[task.name] = int((task / "schedstat").read_text().split()[0]) / 1e9
    return found


def since(before: dict[str, float], now: dict[str, float]) -> float:
    """Seconds of a core between two looks; what began and ended between them is missed."""
    return sum(seconds - before.get(task, 0.0) for task, seconds in now.items())


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
