"""Cells of CSV that spreadsheets open: what they would take for a formula gets an apostrophe, and loses it again.

Source: OWASP, "CSV Injection".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def inert(value: Any) -> Any:
    """A value as a spreadsheet shows it instead of working it out; whatever is no text stays as it is."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value


def given(cell: str) -> str:
    """The text of a cell that `inert` wrote, or that somebody typed."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULAS) else cell


def line(values: Iterable[Any]) -> str:
    """One line with its end, each value inert."""
    written = io.StringIO()
    csv.writer(written).writerow([inert(value) for value in values])
    return written.getvalue()
