"""Which part of a list a page was asked for: `?page=` and `?limit=`, whatever somebody writes there."""

from __future__ import annotations

from flask import request

LIMIT, MAX_LIMIT = 20, 100
# Beyond it there is nothing on any list, and both databases still count that far.
MAX_PAGE = 1_000_000
MAX_DIGITS = 12


def asked(default: int = LIMIT) -> tuple[int, int]:
    """(page, rows on it); what is no number is the first page, what is too large a page of nothing."""
    return _number("page", 1, MAX_PAGE), _number("limit", default, MAX_LIMIT)


def _number(name: str, default: int, most: int) -> int:
    text = request.args.get(name, "").strip()
    if not (text.isascii() and text.isdigit()):
        return default
    # Python reads no number of thousands of digits, and no list is that long.
    return min(max(1, int(text[:MAX_DIGITS])), most)
