"""`Authorization: Basic` of OAuth clients, read strictly (RFC 6749 section 2.3.1, RFC 7617; trap T6)."""

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

MAX_LENGTH = 8192
_HEADER = re.compile(r"basic +(\S+) *", re.IGNORECASE)
_SCHEME = re.compile(r"basic(?: |$)", re.IGNORECASE)
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Malformed(ValueError):
    """The header says Basic, and what follows can't be read. The text is for the log and for the client's owner.

    `client_id` is whom it names, as far as that could be read; empty if it could not.
    """

    def __init__(self, problem: str, client_id: str = "") -> None:
        super().__init__(problem)
        self.client_id = client_id


def parse(header: str) -> tuple[str, str] | None:
    """Client id and secret, both form-decoded, or None if the header is of another scheme.

    Raises Malformed for everything that isn't strict base64 of strict UTF-8 with a colon in it.
    """
    if not _SCHEME.match(header):
        return None
    if len(header) > MAX_LENGTH:
        raise Malformed("too long")
    match = _HEADER.fullmatch(header)
    if match is None:
        raise Malformed("no single value after the scheme")
    client_id, colon, secret = _decode_base64(match[1]).partition(b":")
    name = _decode_form(client_id)
    if not colon:
        raise Malformed("no colon in it", name)
    try:
        return name, _decode_form(secret)
    except Malformed as error:
        raise Malformed(f"{error} in the secret", name) from None


def _decode_base64(text: str) -> bytes:
    try:
        decoded = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("not base64", text.partition(":")[0] if ":" in text else "") from error
    if base64.b64encode(decoded).decode() != text:  # Python's decoder bears surplus padding
        raise Malformed("not canonical base64", decoded.partition(b":")[0].decode("ascii", "replace"))
    return decoded


def _decode_form(part: bytes) -> str:
    if _BAD_ESCAPE.search(part):
        raise Malformed("bad percent-encoding")
    try:
        text = unquote_to_bytes(part.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("not UTF-8") from error
    if _CONTROL.search(text):
        raise Malformed("control character")
    return text
