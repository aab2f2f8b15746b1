"""Lists of values, one to a row of a form: each problem stands at its row."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from authserver.lib import quoting

MAX = 50


def problems(name: str, rows: Sequence[str], problem: Callable[[str], str | None]) -> dict[str, str]:
    """What is wrong with each row, by `name.index`; `problem` judges one."""
    if len(rows) > MAX:
        return {name: f"At most {MAX} are possible."}
    found = {}
    for index, row in enumerate(rows):
        if text := problem(row):
            found[f"{name}.{index}"] = quoting.refused(row, text)
        elif row in rows[:index]:
            found[f"{name}.{index}"] = f"{quoting.shown(row)} is there twice."
    return found
