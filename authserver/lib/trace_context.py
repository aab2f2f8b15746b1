"""Whose trace a request belongs to (W3C Trace Context, section 3.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEADER = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.S)
_SAMPLED = 0x01


@dataclass(frozen=True, slots=True)
class Caller:
    """The span of the caller: 32 and 16 hexadecimal digits, and whether its trace is kept."""

    trace_id: str
    span_id: str
    sampled: bool


def read(header: str) -> Caller | None:
    """The caller that a `traceparent` names; None without one, or if it is malformed, as section 3.2.2 wants it."""
    found = _HEADER.fullmatch(header)
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    # A later version may have more to say, the one that we know may not.
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    return Caller(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))
