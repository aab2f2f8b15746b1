"""Times as people and programs write them: RFC 3339, an ISO date, epoch seconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime

LATEST = 4_102_444_800  # 2100: what is beyond is a mistake, often milliseconds
# Ten digits: shorter numbers would be read by some as a date (20261124).
_EPOCH = re.compile(r"[0-9]{10}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
FORMS = "Write a time such as 2026-11-24T10:00:00Z, a date, or epoch seconds."


def parse(text: str) -> int:
    """Epoch seconds; a time without an offset is UTC, a date its first second there. Raises ValueError, in words."""
    at = _read(text.strip().upper())
    if not 0 <= at <= LATEST:
        raise ValueError("The time lies outside the years 1970 to 2099.")
    return at


def _read(text: str) -> int:
    if _EPOCH.fullmatch(text):
        return int(text)
    if not _TIME.fullmatch(text):
        raise ValueError(FORMS)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("There is no such day or time.") from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
