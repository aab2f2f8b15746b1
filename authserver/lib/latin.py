"""Latin letters without what stands above, below or through them, as people write them in ASCII."""

from __future__ import annotations

import unicodedata

_AS_PAIRS = str.maketrans({
    "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "œ": "oe", "ø": "oe", "å": "aa", "þ": "th", "ð": "d",
    "đ": "d", "ł": "l", "ħ": "h", "ı": "i", "ŋ": "ng",
})  # fmt: skip


def plain(text: str) -> str:
    """A lower-case text in ASCII where its letters are Latin ones; others stay."""
    composed = unicodedata.normalize("NFC", text).translate(_AS_PAIRS)
    return "".join(sign for sign in unicodedata.normalize("NFD", composed) if not unicodedata.combining(sign))
