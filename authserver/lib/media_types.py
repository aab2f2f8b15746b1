"""Media types as requests name them (RFC 9110 section 8.3.1)."""

import re

_PARAMETERS = r'[ \t]*(?:;[^",]*(?:"[^"]*"[^",]*)*)?'


def is_bare(content_type: str | None, name: str) -> bool:
    """Whether a Content-Type header names this type, which defines no parameters: whatever stands there says nothing.

    A comma outside quotes would be a second header in one line, and no one type.
    """
    return content_type is not None and _pattern(name).fullmatch(content_type) is not None


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(re.escape(name) + _PARAMETERS, re.IGNORECASE)
