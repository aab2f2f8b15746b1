"""Lists for people: aligned columns as wide as the terminal, or a block for each row where that is too narrow."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from authserver.cli import terminal
from authserver.lib import quoting

Row = Mapping[str, Any]
GAP = "  "
# What a column is shortened to at least: less tells nobody what stood there.
NARROWEST = 10
# Whoever reads a list goes on with these in the next command: they are never shortened, and neither are times.
WHOLE = frozenset({"id", "email", "kid", "hint", "link", "number"})
STATES = frozenset({"status", "state", "result"})
COLOURS = {
    "active": "green", "ok": "green", "created": "green", "changed": "green",
    "pending": "yellow", "retired": "yellow", "disabled": "yellow", "expired": "yellow", "unused": "yellow",
    "revoked": "red", "removed": "red", "deleted": "red", "failed": "red", "blocked": "red", "refused": "red",
}  # fmt: skip


def lines(rows: Iterable[Row], names: Sequence[str], measured: Sequence[Row]) -> Iterator[str]:
    """The table line by line; its columns are as wide as the rows `measured` need, or as the terminal allows."""
    wanted = [max([len(name), *(terminal.breadth(cell(row.get(name))) for row in measured)]) for name in names]
    widths = fitting(names, wanted, terminal.columns())
    if not widths:
        for row in rows:
            yield from _block(row, names)
        return
    yield terminal.painted(GAP.join(_aligned(names, widths)), sys.stdout, bold=True)
    for row in rows:
        cells = _aligned([cell(row.get(name)) for name in names], widths)
        yield GAP.join(_coloured(name, text) for name, text in zip(names, cells, strict=True))


def cell(value: Any) -> str:
    """A value as a list shows it: a dash for nothing, and nothing that steers a terminal."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return quoting.inert(" ".join(map(str, value))) or "-"
    return quoting.inert(str(value))


def fitting(names: Sequence[str], wanted: Sequence[int], most: int) -> list[int]:
    """Widths that fit into so many columns (0: any number), the widest names shortened first; empty if none do."""
    widths = list(wanted)
    over = sum(widths) + len(GAP) * (len(widths) - 1) - most if most else 0
    soft = [at for at, name in enumerate(names) if not _is_whole(name)]
    while over > 0:
        widest = max(soft, key=widths.__getitem__, default=-1)
        if widest < 0 or widths[widest] <= NARROWEST:
            return []
        widths[widest] -= 1
        over -= 1
    return widths


def _is_whole(name: str) -> bool:
    return name in WHOLE or name in STATES or name.endswith(("_id", "_at"))


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Each cell as wide as its column, but what stands after the last text of a row."""
    fitted = [terminal.cut(text, width) for text, width in zip(cells, widths, strict=True)]
    return [*map(terminal.padded, fitted[:-1], widths), fitted[-1]]


def _coloured(name: str, text: str) -> str:
    colour = COLOURS.get(text.strip()) if name in STATES else None
    return terminal.painted(text, sys.stdout, fg=colour) if colour else text


def _block(row: Row, names: Sequence[str]) -> Iterator[str]:
    width = max(map(len, names))
    for name in names:
        yield terminal.painted(name.ljust(width), sys.stdout, bold=True) + GAP + _coloured(name, cell(row.get(name)))
    yield ""
