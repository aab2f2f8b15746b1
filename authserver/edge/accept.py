"""The header Accept (RFC 9110 section 12.5.1): whether a reader asks for another form than everybody gets."""

from __future__ import annotations

import re

HEADER_LIMIT = 1000
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_WEIGHT = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII)


def asks_for(wanted: str, accept: str, *, instead_of: str) -> bool:
    """Whether a media type is named itself, and no less welcome than the one that is sent otherwise.

    A wildcard asks for nothing in particular. Parameters of a type are passed over, and what is malformed says nothing.
    """
    if len(accept) > HEADER_LIMIT or wanted not in accept.lower():
        return False
    weights = _weights(accept.lower())
    weight = weights.get(wanted, 0.0)
    return weight > 0 and weight >= _welcome(instead_of, weights)


def _welcome(name: str, weights: dict[str, float]) -> float:
    ranges = (name, f"{name.partition('/')[0]}/*", "*/*")
    return next((weights[each] for each in ranges if each in weights), 0.0)


def _weights(accept: str) -> dict[str, float]:
    bare = _QUOTED.sub("''", accept)  # a comma within quotes parts nothing
    if '"' in bare:
        return {}
    found: dict[str, float] = {}
    for member in bare.split(","):
        name, *parameters = (part.strip(" \t") for part in member.split(";"))
        found[name] = max(found.get(name, 0.0), _weight(parameters))
    return found


def _weight(parameters: list[str]) -> float:
    """1 where none is given; 0, so that it counts for nothing, for what is no weight or more than one."""
    given = [each for each in parameters if each.partition("=")[0].strip() == "q"]
    read = [_WEIGHT.fullmatch(each) for each in given]
    if len(read) > 1 or None in read:
        return 0.0
    return float(read[0][1]) if read and read[0] else 1.0
