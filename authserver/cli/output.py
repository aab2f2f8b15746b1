"""What commands print: results on stdout, chatter on stderr, and the exit codes (contract.md section 3)."""

from __future__ import annotations

import itertools
import json
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from authserver.lib import quoting

MEASURED = 200  # rows whose widths a table has
DONE, ERROR, USAGE, MISSING, NOT_READY = 0, 1, 2, 3, 4

_json = False


class NotReady(Exception):
    """The installation cannot work yet: one line that says why and what to do. Exit code 4."""


def choose_json(wanted: bool) -> None:
    """Whether results of this run are JSON (`--json` anywhere on the command line)."""
    global _json
    _json = wanted


def wants_json() -> bool:
    """Whether results are JSON; commands that print line by line ask."""
    return _json


def emit(result: Any, text: str | None = None) -> None:
    """Print a result on stdout: as JSON with `--json`, else `text`, else a plain rendering of the result."""
    if _json:
        print(_as_json(result, indent=2))  # noqa: T201  # the one place that prints
    else:
        print(_inert(text if text is not None else _plain(result)))  # noqa: T201  # the one place that prints


def stream(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None, *, empty: str) -> None:
    """Print a list of any length as it is read: an array with `--json`, else a table as wide as its first rows."""
    left = iter(rows)
    first = list(itertools.islice(left, MEASURED))
    if _json:
        _stream_json(itertools.chain(first, left))
    elif not first:
        print(_inert(empty))  # noqa: T201  # the one place that prints
    else:
        names = list(columns or first[0])
        widths = _widths(first, names)
        print(_inert(_row(names, widths)))  # noqa: T201  # the one place that prints
        for row in itertools.chain(first, left):
            print(_inert(_row(_cells(row, names), widths)))  # noqa: T201  # the one place that prints


def _stream_json(rows: Iterator[Mapping[str, Any]]) -> None:
    before = "["
    for row in rows:
        print(f"{before}\n{textwrap.indent(_as_json(row, indent=2), '  ')}", end="")  # noqa: T201  # the one place
        before = ","
    print("[]" if before == "[" else "\n]")  # noqa: T201  # the one place that prints


def line(member: Mapping[str, Any], text: str) -> None:
    """Print one of many results as it comes: a line of JSON with `--json`, else `text`."""
    print(_as_json(member) if _json else _inert(text), flush=True)  # noqa: T201  # the one place that prints


def note(text: str) -> None:
    """Chatter for a person, on stderr, so that stdout holds results alone."""
    print(_inert(text), file=sys.stderr, flush=True)  # noqa: T201  # the one place that prints


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> str:
    """Rows as aligned columns, for people."""
    names = list(columns or (rows[0] if rows else ()))
    widths = _widths(rows, names)
    return "\n".join([_row(names, widths), *(_row(_cells(row, names), widths) for row in rows)])


def _widths(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[int]:
    return [max([len(name), *(len(_cell(row.get(name))) for row in rows)]) for name in names]


def _cells(row: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    return [_cell(row.get(name)) for name in names]


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _as_json(value: Any, *, indent: int | None = None) -> str:
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=str)
    if text.replace("\n", "").isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign == "\n" else json.dumps(sign)[1:-1] for sign in text)


def _inert(text: str) -> str:
    """What others wrote must not steer the terminal of whoever looks at it."""
    return quoting.inert(text, kept="\n\t")


def _plain(result: Any) -> str:
    if isinstance(result, Mapping):
        width = max((len(str(name)) for name in result), default=0)
        return "\n".join(f"{name!s:<{width}}  {_cell(value)}" for name, value in result.items())
    if isinstance(result, Sequence) and not isinstance(result, str):
        if result and isinstance(result[0], Mapping):
            return table(result)
        return "\n".join(map(_cell, result))
    return _cell(result)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value)) or "-"
    return str(value)
