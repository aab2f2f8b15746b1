"""Which tests a run leaves out: the long sets, unless they were asked for and while there is time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True)
class LongSet:
    """The command that runs it, and what asks for it by standing in a path of the run; a test's own file does, too."""

    command: str
    place: str = "\0"  # stands in no path


SETS = {  # by marker
    "long_interop": LongSet("make interop", "interop/"),
    "long_fault": LongSet("make faults", "faults/"),
    "long_widths": LongSet("make widths", "widths/"),
    "long_screens": LongSet("make screens", "elsewhere/"),
    "long_more": LongSet("make more"),
}
UNTIL = "LONG_TESTS_UNTIL"  # no test of a long set starts after this second of the epoch


def others_later(kinds: Iterable[str], now: str) -> list[Any]:
    """Parameters of a fixture that is dear: `now` in every run, the other databases with `make more`."""
    return [pytest.param(kind, marks=[] if kind == now else [pytest.mark.long_more]) for kind in kinds]


# What stands before the domain, or asks from outside. Which SQL is sent is decided further down, in folders whose tests
# all run on both databases, as do those of the grants: their hot statements are written for each.
DOORS = (
    "tests/api/", "tests/dashboard/", "tests/pages/", "tests/edge/", "tests/hostile/", "tests/gateway/", "tests/cli/",
    "tests/interop/", "tests/oauth/test_", "tests/oauth/endpoints/", "tests/refusals/", "tests/journeys/",
    "tests/observability/", "tests/ops/",
)  # fmt: skip
# Modules that leave all SQL to the ORM and never ask which database it is (test_long_sets.py looks for that); SQLite
# has no locks of rows, for which `tests/races` is. What it makes of the rest is seen in the browser, too.
SAME_SQL = (
    "tests/domain/access/", "tests/domain/demo/", "tests/domain/people/credentials/",
    "tests/domain/people/test_departures",
    "tests/domain/people/test_rosters", "tests/domain/people/test_standard", "tests/domain/people/test_user",
    "tests/domain/webhooks/",
    "tests/domain/test_", "tests/domain/clients/test_blocked_apps", "tests/domain/clients/test_logos",
    "tests/domain/clients/test_privileges", "tests/domain/clients/test_throttle", "tests/domain/clients/test_transfers",
    "tests/domain/insight/test_audit", "tests/domain/insight/test_credential_checks",
    "tests/domain/insight/test_figures", "tests/domain/insight/test_limits_in_use",
    "tests/domain/insight/test_overview", "tests/domain/tokens/test_backchannel_logout",
    "tests/domain/tokens/test_disowning", "tests/domain/tokens/test_token_ids", "tests/domain/ground/test_lists",
    "tests/domain/ground/test_mails", "tests/domain/ground/test_makers", "tests/domain/ground/test_one_time_links",
)  # fmt: skip

# Real processes, clocks and mail servers: what is provoked is theirs. Files and archives are each database's own, and
# so are `test_restore`, `test_copy` and what is named after one of the two.
PROCESSES = (
    "tests/served/",
    "tests/faults/test_time",
    "tests/faults/test_background",
    "tests/faults/test_processes",
    "tests/faults/test_deliveries",
)


def mark_second_runs(items: Iterable[pytest.Item]) -> None:
    """A test of these runs on PostgreSQL, the stricter one; on SQLite in a long set, if in none already."""
    once = [item for item in items if item.nodeid.startswith(DOORS + SAME_SQL + PROCESSES)]
    ids = {item.nodeid for item in once}
    for item in once:
        other = item.nodeid.replace("[sqlite", "[postgresql")
        if other != item.nodeid and other in ids and not sets_of(item):
            item.add_marker(pytest.mark.long_fault if item.get_closest_marker("fault") else pytest.mark.long_more)


def sets_of(item: pytest.Item) -> set[str]:
    """The long sets that a test belongs to; its markers are looked through once, of fourteen thousand tests."""
    return {mark.name for mark in item.iter_markers()} & SETS.keys()


def left_out(items: Iterable[pytest.Item], markexpr: str, args: Iterable[str]) -> list[pytest.Item]:
    """The tests of every long set that neither a marker nor a path of this run asks for."""
    paths = [str(each) for each in args]
    unasked = {
        marker
        for marker, long in SETS.items()
        if marker not in markexpr and not any(long.place in f"{path}/" for path in paths)
    }
    return [
        item
        for item in items
        if sets_of(item) & unasked and not any(path.partition("::")[0].endswith(item.path.name) for path in paths)
    ]


def are_timed() -> bool:
    """Whether this run may not get through them: then none always comes first, so that each has its turn."""
    return UNTIL in os.environ


def skip_if_out_of_time(item: pytest.Item) -> None:
    """Skip a test of a long set, and say so, when the time given to them has passed."""
    until = float(os.environ.get(UNTIL) or "inf")
    command = next((long.command for marker, long in SETS.items() if item.get_closest_marker(marker)), "")
    if command and time.time() >= until:
        pytest.skip(f"not run: the time for the long sets has passed ({command} runs it)")
