"""How long a receiver asks to be left alone (RFC 9110 section 10.2.3)."""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import parsedate_to_datetime

# Who asks for more is asked again after a day: events and sign-outs are worth nothing later.
LONGEST = 86_400
_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


def seconds(status: int, headers: Sequence[tuple[str, str]], now: int) -> int:
    """Seconds from `now`, at most LONGEST; 0 for an answer that asks for nothing, or says what nobody understands."""
    said = next((value.strip() for name, value in headers if name.lower() == "retry-after"), "")
    if status not in _STATUSES or not said:
        return 0
    return min(max(0, _span(said, now)), LONGEST)


def _span(said: str, now: int) -> int:
    if said.isascii() and said.isdecimal():
        return int(said[:9])
    try:
        return int(parsedate_to_datetime(said).timestamp()) - now
    except (ValueError, OverflowError):
        return 0
