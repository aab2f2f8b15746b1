"""The order of a run, and what one worker gets: what takes long begins first, so that none is alone with it at the end.

What shares a running server stays together: to start it once more takes a worker five to ten seconds.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

# Folders and files that take a worker half a minute and more, the longest first; what is not named comes after them.
LONG_FIRST: tuple[str, ...] = (
    "tests/browser/test_screens_", "tests/served/", "tests/browser/", "tests/races/", "tests/first_run/",
    "tests/bench/", "tests/interop/", "tests/domain/demo/", "tests/faults/", "tests/architecture/test_wheel.py",
)  # fmt: skip

# One worker gets all of such a place; of any other, file by file.
TOGETHER = ("tests/browser/test_screens_", "tests/browser/test_", "tests/races/")


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """By file, and by place where the files of one share a server."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


def scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    """Ours for `--dist loadfile`; what else was asked for is xdist's."""
    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def scope(nodeid: str) -> str:
    """Tests of one scope run in one worker, one after the other."""
    return next((place for place in TOGETHER if nodeid.startswith(place)), nodeid.partition("::")[0])


def sort(items: list[pytest.Item]) -> None:
    """Sort in place; files of one rank, and the tests of a file, stay as they were shuffled."""
    items.sort(key=lambda item: _rank(item.nodeid))


def _rank(nodeid: str) -> int:
    return next((rank for rank, place in enumerate(LONG_FIRST) if nodeid.startswith(place)), len(LONG_FIRST))
