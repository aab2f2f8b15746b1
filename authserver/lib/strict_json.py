"""JSON that every reader understands alike: no member twice, no NaN, no number out of range (RFC 7493)."""

import json
import math
import re
from typing import Any

_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def loads(text: str) -> Any:
    """The value of a text. Raises ValueError, or RecursionError where `too_deep` was not asked before."""
    return json.loads(text, object_pairs_hook=_members, parse_constant=_refuse_constant, parse_float=_finite)


def too_deep(text: str, limit: int) -> bool:
    """Whether objects and arrays are nested more than `limit` levels; judged before anything is parsed."""
    if text.count("{") + text.count("[") <= limit:
        return False
    depth = 0
    for character in _STRINGS.sub("", text):
        if character in "{[":
            depth += 1
            if depth > limit:
                return True
        elif character in "}]":
            depth -= 1
    return False


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a member appears twice")
    return made


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("number out of range")
    return number
