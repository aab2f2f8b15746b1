"""Base64url without padding (RFC 7515 section 2)."""

import base64
import binascii
import re

_ALPHABET = re.compile(rb"[A-Za-z0-9_-]*")
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def encode(data: bytes) -> bytes:
    """The text of these bytes, in ASCII."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def decode(text: bytes) -> bytes:
    """The bytes of a text. Raises ValueError for anything but their one canonical spelling."""
    if not _ALPHABET.fullmatch(text):
        raise ValueError("not base64url")
    try:
        data = binascii.a2b_base64(text.translate(_TO_STANDARD) + b"=" * (-len(text) % 4), strict_mode=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if encode(data) != text:
        raise ValueError("not canonical base64url")
    return data
