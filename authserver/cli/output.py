"""What commands print: results on stdout, chatter on stderr, and the exit codes (contract.md section 3)."""

from __future__ import annotations

import itertools
import json
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from authserver.cli import tables, terminal
from authserver.lib import quoting

MEASURED = 200  # rows whose widths a table has
DONE, ERROR, USAGE, MISSING, NOT_READY = 0, 1, 2, 3, 4

_json = False


class Ready(str):
    """A text that may be printed as it is: what others wrote in it was made harmless, and some of it has a colour."""


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
        for each in tables.lines(itertools.chain(first, left), list(columns or first[0]), first):
            print(each)  # noqa: T201  # the one place that prints


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


def complain(text: str) -> None:
    """Why a command ended without what it was asked for."""
    print(terminal.painted(_inert(text), sys.stderr, fg="red"), file=sys.stderr, flush=True)  # noqa: T201  # as above


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> Ready:
    """Rows as aligned columns, for people."""
    return Ready("\n".join(tables.lines(rows, list(columns or (rows[0] if rows else ())), rows)))


def _as_json(value: Any, *, indent: int | None = None) -> str:
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=str)
    if text.replace("\n", "").isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign == "\n" else json.dumps(sign)[1:-1] for sign in text)


def _inert(text: str) -> str:
    """What others wrote must not steer the terminal of whoever looks at it."""
    if isinstance(text, Ready):
        return text
    return quoting.inert(text, kept="\n\t")


def _plain(result: Any) -> str:
    if isinstance(result, Mapping):
        width = max((len(str(name)) for name in result), default=0)
        return "\n".join(f"{name!s:<{width}}  {tables.cell(value)}" for name, value in result.items())
    if isinstance(result, Sequence) and not isinstance(result, str):
        if result and isinstance(result[0], Mapping):
            return table(result)
        return "\n".join(map(tables.cell, result))
    return tables.cell(result)
