"""What is kept of data that somebody else chose, however long it is."""

import hashlib
from typing import Any

from authserver.lib import canonical_json

# Characters of a text, and members of a list: less and less is kept, until it fits.
_STEPS = ((200, 10), (60, 4), (20, 1))
MOST_MEMBERS = 40  # of an object: ours name the members, so that none has more


def of(data: dict[str, Any], limit: int) -> dict[str, Any]:
    """The data, if its JSON has at most `limit` bytes; else beginnings of it, with the length and SHA-256 of the whole.

    Names of members stay. What is cut can be compared with what somebody says it was.
    """
    whole = canonical_json.dumps(data)
    if len(whole) <= limit:
        return data
    said = {"bytes": len(whole), "sha256": hashlib.sha256(whole).hexdigest()}
    for characters, members in _STEPS:
        kept = {**_cut(data, characters, members), "cut": said}
        if len(canonical_json.dumps(kept)) <= limit:
            return kept
    return {"cut": said}


def _cut(value: Any, characters: int, members: int) -> Any:
    if isinstance(value, str) and len(value) > characters:
        return value[:characters] + "…"
    if isinstance(value, list):
        more = [f"… {len(value) - members} more"] if len(value) > members else []
        return [*(_cut(each, characters, members) for each in value[:members]), *more]
    if isinstance(value, dict):
        return {name[:60]: _cut(inner, characters, members) for name, inner in list(value.items())[:MOST_MEMBERS]}
    return value
