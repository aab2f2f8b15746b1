"""Codes that a person reads off one device and types on another (RFC 8628 section 6.1)."""

from __future__ import annotations

from authserver.lib import secrets

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
"""Consonants alone: no word comes of them, and none is taken for a digit."""
LENGTH = 8  # 34.5 bits: enough for what lives ten minutes and is guessed a few times at most
MAX_TYPED = 40  # characters that are looked at
# A random byte below 240 = 12 * 20 is a fair digit of base 20; the others are dropped.
_FAIR = 240


def generate() -> str:
    """A new code as it is shown, `WDJB-MJHT`."""
    letters = ""
    while len(letters) < LENGTH:
        letters += "".join(ALPHABET[byte % 20] for byte in secrets.random_bytes(LENGTH) if byte < _FAIR)
    return shown(letters[:LENGTH])


def shown(letters: str) -> str:
    """The letters in the two halves that people read."""
    return f"{letters[: LENGTH // 2]}-{letters[LENGTH // 2 :]}"


def read(typed: str) -> str | None:
    """A code as it is shown, from what somebody typed in either case with whatever between; None if it is none."""
    letters = "".join(each for each in typed.upper() if each in ALPHABET) if len(typed) <= MAX_TYPED else ""
    others = any(each.isalnum() and each not in ALPHABET for each in typed.upper())
    return shown(letters) if len(letters) == LENGTH and not others else None
