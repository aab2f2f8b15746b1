"""What provoked faults came to, as a table at the end of a run: fault, database, failed requests, recovery, ledger.

An experiment tells its row what it counted while it runs; of the rest the row says how the test ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import pytest

PROPERTY = "fault"
HEAD = ("fault", "database", "failed requests", "recovery", "ledger")
_KINDS = ("postgresql", "sqlite")
_ENDS = {"passed": "holds", "failed": "BROKEN", "skipped": "not run"}


@dataclass
class Row:
    """One experiment; what nobody counted is None or empty."""

    fault: str
    database: str
    answered: int | None = None
    failed: int | None = None
    seconds: float | None = None  # until what was to come back had come
    ledger: str = ""

    def cells(self) -> tuple[str, ...]:
        """As they stand below HEAD."""
        requests = "-" if self.failed is None else f"{self.failed} of {(self.answered or 0) + self.failed}"
        back = "-" if self.seconds is None else f"{self.seconds:.1f} s"
        return self.fault, self.database, requests, back, self.ledger


_row = Row("", "")


def on(kind: str) -> None:
    """Which database the experiment's server has, where the test's name does not say it."""
    if _row.database == "-":
        _row.database = kind


def asked(*, answered: int, failed: int) -> None:
    """So many requests were made while it went on."""
    _row.answered, _row.failed = (_row.answered or 0) + answered, (_row.failed or 0) + failed


def came_back(seconds: float) -> None:
    """What the experiment waited for was there; the last one counts."""
    _row.seconds = seconds


def promised(what: str, *, more: bool = False) -> None:
    """What the ledger of this experiment compares, such as `20 deliveries`; `more` of it."""
    _row.ledger = f"{_row.ledger}, {what}" if more and _row.ledger else what


def is_fault(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in ("fault", "long_fault"))


def begin(item: pytest.Item) -> None:
    """A row for a test that provokes a fault."""
    global _row
    name, _, parameters = item.name.partition("[")
    words = name.removeprefix("test_").replace("_", " ")
    given = [each for each in parameters.rstrip("]").split("-") if each]
    kind = next((each for each in given if each in _KINDS), "") or _named_in(item)
    more = ", ".join(each for each in given if each not in _KINDS)
    _row = Row(f"{words} ({more})" if more else words, kind)


def _named_in(item: pytest.Item) -> str:
    named = re.findall("|".join(_KINDS), item.nodeid)
    return named[0] if len(set(named)) == 1 else "-"


def finish(item: pytest.Item, report: pytest.TestReport) -> None:
    """Hand the row to whoever writes the table, which may be another process."""
    if report.when == "call" or (report.when == "setup" and not report.passed):
        end = _ENDS[report.outcome]
        _row.ledger = f"{_row.ledger} {end}" if _row.ledger and report.passed else end
        report.user_properties.append((PROPERTY, asdict(_row)))


def rows(reports: Iterable[Any]) -> list[Row]:
    """Of all reports of a run."""
    found = [value for each in reports for name, value in getattr(each, "user_properties", ()) if name == PROPERTY]
    return sorted((Row(**each) for each in found), key=lambda row: (row.fault, row.database))


def lines(found: list[Row]) -> list[str]:
    """The table, in columns."""
    table = [HEAD, *(row.cells() for row in found)]
    widths = [max(len(line[number]) for line in table) for number in range(len(HEAD))]
    rule = tuple("-" * width for width in widths)
    wide = [table[0], rule, *table[1:]]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in wide]
