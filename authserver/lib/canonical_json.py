"""One byte string per JSON value, for the audit hash chain (security.md 7.7)."""

import json
from typing import Any


def dumps(obj: Any) -> bytes:
    """Sorted keys, no spaces, UTF-8. A lone surrogate becomes its JSON escape, so no text can raise.

    Raises ValueError for NaN and infinities, TypeError for what JSON can't say.
    """
    text = json.dumps(obj, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace")


def plain(obj: Any) -> Any:
    """The value as it reads back from JSON: tuples become lists, keys become strings."""
    return json.loads(dumps(obj))
