"""Every page with much data: a dozen statements at most, and none that reads a large table to its end.

The pages come from the map of addresses, so that a new one is judged, too. `make bench ARGS=pages` takes their times.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from bench.scale import filling, walking
from bench.scale.commands import MOST_STATEMENTS
from bench.scale.filling import Sizes
from bench.scale.walking import Seen
from tests.conftest import KINDS
from tests.support import long_sets, standing

ROWS = 20_000
SIZES = Sizes(
    clients=ROWS,
    grants=ROWS,
    events=ROWS,
    people=ROWS,
    keys=ROWS,
    refusals=ROWS,
    deliveries=ROWS,
    busy=3,
    much=500,
    history=300,
)
# Reading one of these tables to its end is 60,000 steps of SQLite's machine and more. PostgreSQL's planner likes to
# read tables of this size whole, whatever indexes they have, so that nothing follows from what it reads here.
MOST_WORK = 50
# Rare acts of administrators that may look at everything: deleting a scope asks who has it, an export is all there is.
MAY_READ_ALL = ("/admin/scopes/workflows:read/delete", "/audit/export.csv", "/admin/users/export.csv")


WHOLE = "SELECT count(*) FROM audit_events WHERE reason = 'x'"


@dataclass(frozen=True)
class Walked:
    """What was seen, and what a statement reads that reads a table to its end."""

    seen: list[Seen]
    whole: int

    @property
    def pages(self) -> list[Seen]:
        return [each for each in self.seen if each.path not in MAY_READ_ALL]


@pytest.fixture(scope="module", params=long_sets.others_later(KINDS, now="sqlite"))
def walked(request: pytest.FixtureRequest) -> Iterator[Walked]:
    with standing.standing(request.param) as server:
        filling.fill(SIZES)
        seen = list(walking.walk(server.app, times=1, measured=True))
        yield Walked(seen, walking.work(WHOLE, ())[0])


def test_every_page_is_answered(walked: Walked) -> None:
    assert len(walked.seen) > 250
    assert [(each.who, each.path, each.status) for each in walked.seen if each.status >= 500] == []
    shown = {each.path for each in walked.seen if each.status == 200}
    assert {"/", "/apps", "/audit", "/usage", "/admin/users", "/admin/clients", "/connected-apps", "/errors"} <= shown


def test_no_page_sends_more_than_a_dozen_statements(walked: Walked) -> None:
    assert [(each.who, each.path, each.statements) for each in walked.pages if each.statements > MOST_STATEMENTS] == []


@pytest.mark.parametrize("walked", ["sqlite"], indirect=True)
def test_no_page_reads_a_large_table_to_its_end(walked: Walked) -> None:
    assert walked.whole > MOST_WORK, "what does is noticed"
    assert [(each.who, each.path, each.work, each.largest) for each in walked.pages if each.work > MOST_WORK] == []
