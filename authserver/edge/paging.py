"""Which part of a list a page was asked for: `?after=`, `?before=`, `?page=` and `?limit=`, whatever stands there."""

from __future__ import annotations

from flask import request

from authserver.domain.ground.lists import LIMIT, Part

MAX_LIMIT = 100
# Beyond it there is nothing on any list, and both databases still count that far.
MAX_PAGE = 1_000_000
MAX_DIGITS = 12


def asked(default: int = LIMIT) -> Part:
    """The part; what is no number is the first page, what is too large a page of nothing."""
    part = Part(page=_number("page", 1, MAX_PAGE), limit=_number("limit", default, MAX_LIMIT))
    if after := request.args.get("after", ""):
        part["after"] = after
    if before := request.args.get("before", ""):
        part["before"] = before
    return part


def _number(name: str, default: int, most: int) -> int:
    text = request.args.get(name, "").strip()
    if not (text.isascii() and text.isdigit()):
        return default
    # Python reads no number of thousands of digits, and no list is that long.
    return min(max(1, int(text[:MAX_DIGITS])), most)
