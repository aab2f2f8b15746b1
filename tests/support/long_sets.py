"""Which tests a run leaves out: the long sets, unless they were asked for and while there is time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

import pytest

# Marker of a long set → the folder that asks for it by being named, or by a file in it; a test's own file does so, too.
FOLDERS = {"long_interop": "interop/", "long_fault": "faults/", "long_widths": "widths/"}
UNTIL = "LONG_TESTS_UNTIL"  # no test of a long set starts after this second of the epoch


def left_out(items: Iterable[pytest.Item], markexpr: str, args: Iterable[str]) -> list[pytest.Item]:
    """The tests of every long set that neither a marker nor a path of this run asks for."""
    paths = [str(each) for each in args]
    unasked = [
        marker
        for marker, folder in FOLDERS.items()
        if marker not in markexpr and not any(folder in path for path in paths)
    ]
    return [
        item
        for item in items
        if any(item.get_closest_marker(marker) for marker in unasked)
        and not any(path.partition("::")[0].endswith(item.path.name) for path in paths)
    ]


def skip_if_out_of_time(item: pytest.Item) -> None:
    """Skip a test of a long set, and say so, when the time given to them has passed."""
    until = float(os.environ.get(UNTIL) or "inf")
    if time.time() >= until and any(item.get_closest_marker(marker) for marker in FOLDERS):
        pytest.skip("not run: the time for the long sets has passed (make interop, make faults, make widths run them)")
