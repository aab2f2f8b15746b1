"""Parameters of protocol requests: strict, UTF-8, nothing repeated (RFC 6749 section 3; trap T9)."""

import re
from urllib.parse import unquote_to_bytes

from authserver.lib import media_types

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 100
MAX_BYTES = 64 * 1024

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class FormError(ValueError):
    """The parameters can't be read. The text is ours and holds nothing of the input."""


class Malformed(FormError):
    """Not a form, not UTF-8, bad escapes, a NUL, too many fields or too large."""


class Repeated(FormError):
    """A parameter was sent more than once. `name` is input: for the log, not for the answer."""

    def __init__(self, name: str) -> None:
        super().__init__("a parameter was sent more than once")
        self.name = name


def parse(body: bytes, content_type: str | None) -> dict[str, str]:
    """The parameters of a request body; an empty value counts as not sent. Raises FormError."""
    return _single(parse_multi(body, content_type=content_type))


def parse_query(qs: str) -> dict[str, str]:
    """The parameters of a query string, by the same rules. Raises FormError."""
    return _single(parse_multi(qs))


def names(qs: str) -> frozenset[str]:
    """Every name in a query string, those without a value, too. Raises FormError."""
    return frozenset(_fields(qs, frozenset(), FORM))


def parse_multi(
    data: bytes | str, *, repeatable: frozenset[str] = frozenset(), content_type: str | None = FORM
) -> dict[str, list[str]]:
    """The parameters of a query (str) or a body (bytes), where names in `repeatable` may come again.

    Every list has at least one value, and only repeatable names have more. Raises FormError.
    """
    fields = _fields(data, repeatable, content_type)
    return {name: kept for name, values in fields.items() if (kept := [v for v in values if v])}


def _fields(data: bytes | str, repeatable: frozenset[str], content_type: str | None) -> dict[str, list[str]]:
    raw = _raw(data)
    if not raw:
        return {}
    if not media_types.is_bare(content_type, FORM):
        raise Malformed(f"the body must be {FORM}")
    if len(raw) > MAX_BYTES or raw.count(b"&") >= MAX_FIELDS:
        raise Malformed("too many or too long parameters")
    if b"%" in raw and _BAD_ESCAPE.search(raw):
        raise Malformed("bad percent-encoding")
    return _collect(raw, repeatable)


def _raw(data: bytes | str) -> bytes:
    if isinstance(data, bytes):
        return data
    try:
        return data.encode("latin-1")  # as WSGI hands a query string over (PEP 3333)
    except UnicodeEncodeError as error:
        raise Malformed("not a query string") from error


def _collect(raw: bytes, repeatable: frozenset[str]) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for piece in raw.split(b"&"):
        if not piece:
            continue
        name_bytes, _, value_bytes = piece.partition(b"=")
        name, value = _decode(name_bytes), _decode(value_bytes)
        if not name:
            raise Malformed("a parameter has no name")
        if name in fields and name not in repeatable:
            raise Repeated(name)
        fields.setdefault(name, []).append(value)
    return fields


def _decode(part: bytes) -> str:
    if b"+" in part:
        part = part.replace(b"+", b" ")
    if b"%" in part:
        part = unquote_to_bytes(part)
    if b"\0" in part:
        raise Malformed("a parameter holds a NUL")
    try:
        return part.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("not UTF-8") from error


def _single(fields: dict[str, list[str]]) -> dict[str, str]:
    return {name: values[0] for name, values in fields.items()}
