"""Options and values that several commands have."""

from __future__ import annotations

import re
from typing import Any

import click

from authserver.errors import Invalid
from authserver.lib import scopes as grammar

UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
FORMATS = ("jwt", "opaque")  # of access tokens

limit = click.option("--limit", type=click.IntRange(1), metavar="N", help="No more than the first N.")


class Span(click.ParamType[int]):
    """Seconds as `3600`, `12h`, `90d`, or, where that makes sense, `never`."""

    name = "span"

    def __init__(self, *, never: bool = False) -> None:
        self.never = never

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds; -1 for never."""
        if isinstance(value, int):
            return value
        if self.never and value == "never":
            return -1
        match = re.fullmatch(r"([0-9]{1,12})([smhd]?)", str(value))
        if match is None:
            self.fail(
                f"{value!r} is not a time: write 3600, 12h or 90d{', or never' if self.never else ''}", param, ctx
            )
        return int(match[1]) * UNITS[match[2]]


def scopes(text: str) -> tuple[str, ...]:
    """Names with any space between them. Raises Invalid."""
    try:
        return grammar.parse(" ".join(text.split()))
    except ValueError as error:
        raise Invalid(str(error), field="scope") from None
