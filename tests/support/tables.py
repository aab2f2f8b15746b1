"""`@rows`: a table of inputs within one test. Every row that fails is reported, not the first alone.

Where rows leave nothing behind that another could find, they need no database and no server of their own, which is
what `pytest.mark.parametrize` gives to each.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

Test = Callable[..., None]
LONGEST = 120  # characters of a row in a report


def rows(names: str | Sequence[str], table: Iterable[Any]) -> Callable[[Test], Test]:
    """Call the test once for each row, with the row's values under these names, as `parametrize` would."""
    arguments = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    given = [dict(zip(arguments, _values(row, len(arguments)), strict=True)) for row in table]
    if not given:
        raise ValueError("a table without rows tests nothing")

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def every_row(*args: Any, **fixtures: Any) -> None:
            failures = [failure for row in given if (failure := _failure(test, args, fixtures, row))]
            if failures:
                heading = f"{len(failures)} of {len(given)} rows failed"
                pytest.fail("\n\n".join([heading, *failures]), pytrace=False)

        signature = inspect.signature(test)
        others = [each for name, each in signature.parameters.items() if name not in arguments]
        every_row.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]  # read by pytest
        return every_row

    return decorate


def _values(row: Any, count: int) -> Sequence[Any]:
    return (row,) if count == 1 else row


def _failure(test: Test, args: tuple[Any, ...], fixtures: dict[str, Any], row: dict[str, Any]) -> str:
    """What went wrong with this row; empty if nothing did."""
    try:
        test(*args, **fixtures, **row)
    except (Exception, pytest.fail.Exception) as error:
        shown = pytest.ExceptionInfo.from_exception(error).getrepr(style="short", chain=False)
        return f"{_shown(row)}\n{shown}"
    return ""


def _shown(row: dict[str, Any]) -> str:
    return ", ".join(f"{name}={repr(value)[:LONGEST]}" for name, value in row.items())
