"""What a terminal takes: so many columns, and colours unless somebody asked for none (no-color.org)."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from typing import Any, TextIO

import click

_DRAWN_OVER = frozenset({"Mn", "Me", "Cf"})


def columns() -> int:
    """How many a line on stdout has; 0 where nobody looks at it: a file and a pipe take lines of any length."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def painted(text: str, stream: TextIO, **style: Any) -> str:
    """A text in colour (`fg`, `bold`, `dim` of click) where the stream is a terminal that shows some."""
    return click.style(text, **style) if _has_colours(stream) else text


def breadth(text: str) -> int:
    """How many columns a text takes: Chinese and Japanese signs and emoji two, what is drawn over another none."""
    return len(text) if text.isascii() else sum(map(_breadth, text))


def cut(text: str, most: int) -> str:
    """A text in at most so many columns; what is left out shows as an ellipsis."""
    if breadth(text) <= most:
        return text
    kept, room = "", most - 1
    for sign in text:
        room -= _breadth(sign)
        if room < 0:
            break
        kept += sign
    return kept.rstrip() + "…"


def padded(text: str, width: int) -> str:
    """A text with as many spaces after it as fill so many columns."""
    return text + " " * (width - breadth(text))


def _breadth(sign: str) -> int:
    if unicodedata.category(sign) in _DRAWN_OVER:
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def _has_colours(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
