"""JSON of API requests: strict, UTF-8, nothing repeated, not deep (RFC 8259, RFC 7493)."""

from __future__ import annotations

from typing import Any

from authserver.edge import json_errors
from authserver.edge.exchange import Incoming
from authserver.lib import media_types, strict_json

MAX_DEPTH = 16
MAX_INTEGER = 2**53 - 1  # what every JSON reader keeps exactly (RFC 7493 section 2.2)


def read(incoming: Incoming) -> Any:
    """The value in the body, an empty object if there is none. Raises ApiError (400)."""
    if not incoming.body:
        return {}
    if not media_types.is_bare(incoming.header("content-type"), "application/json"):
        raise json_errors.invalid_request("The body must be application/json.")
    try:
        value = strict_json.loads(incoming.body.decode("utf-8"))
    except UnicodeDecodeError:
        raise json_errors.invalid_request("The body is not UTF-8.") from None
    except (ValueError, RecursionError):
        raise json_errors.invalid_request("The body is not JSON, or a member comes twice.") from None
    _check(value, MAX_DEPTH)
    return value


def _check(value: Any, depth: int) -> None:
    """No text that a database cannot keep, no number that is not exact, no endless nesting."""
    if depth == 0:
        raise json_errors.invalid_request("The body is nested too deeply.")
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
            raise json_errors.invalid_request("A text holds a NUL, or half of a character.")
    elif isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise json_errors.invalid_request("A number is too large.")
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check(name, depth)
            _check(inner, depth - 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, depth - 1)
