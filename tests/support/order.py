"""The order of a run: what takes long begins first, so that no worker is alone with it at the end."""

from __future__ import annotations

import pytest

# Folders and files that take a worker half a minute and more, the longest first; what is not named comes after them.
LONG_FIRST: tuple[str, ...] = (
    "tests/browser/test_screens_person.py", "tests/served/", "tests/browser/", "tests/races/", "tests/first_run/",
    "tests/bench/", "tests/interop/", "tests/domain/demo/", "tests/faults/", "tests/architecture/test_wheel.py",
)  # fmt: skip


def sort(items: list[pytest.Item]) -> None:
    """Sort in place; files of one rank, and the tests of a file, stay as they were shuffled."""
    items.sort(key=lambda item: _rank(item.nodeid))


def _rank(nodeid: str) -> int:
    return next((rank for rank, place in enumerate(LONG_FIRST) if nodeid.startswith(place)), len(LONG_FIRST))
