"""Which passwords people may choose: long enough, not common, not about this place (security.md 2.3).

No rules of composition: length and rarity count, kinds of characters don't (NIST SP 800-63B).
"""

import functools
import re
from collections.abc import Iterable

MIN_LENGTH = 8
MAX_LENGTH = 1024
_MIN_WORD = 4
_MAX_WORDS = 50
_JUDGED = 72  # zxcvbn's work grows fast with length; what comes after can only make a password better
_MAX_SYMBOLS = 2  # zxcvbn tries every combination of letters they may stand for: all at once cost two seconds
_SYMBOLS = str.maketrans("@({[<&#!/|$+%", "accccgghiistx")
_MIN_SCORE = 2  # more than a million guesses
_WORD = re.compile(r"[^\W_]+")


@functools.cache
def _common() -> frozenset[str]:
    # Its lists are half a megabyte, which only whoever chooses a password has to wait for.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(word for word in FREQUENCY_LISTS["passwords"] if len(word) >= MIN_LENGTH)


def problems(password: str, context_words: Iterable[str]) -> list[str]:
    """What speaks against this password, in sentences for the person who chose it; empty if nothing does.

    `context_words` are whole texts: brand, issuer host, name, e-mail. Their parts of four letters or more
    don't count towards the length.
    """
    if found := _problem_with_text(password):
        return [found]
    words = context_parts(context_words)
    if _length_without(password.casefold(), words) < MIN_LENGTH:
        return ["This password is mostly your name, your email address or the name of this site."]
    if password.casefold() in _common():
        return ["This password is among the most common ones. Choose another."]
    if _score(password, words) < _MIN_SCORE:
        return ["This password is easy to guess. A few unrelated words make a good one."]
    return []


def _score(password: str, words: list[str]) -> int:
    from zxcvbn import zxcvbn

    judged = password[:_JUDGED]
    if len(_SYMBOLS.keys() & set(map(ord, judged))) > _MAX_SYMBOLS:
        judged = judged.translate(_SYMBOLS)
    return int(zxcvbn(judged, user_inputs=words)["score"])  # type: ignore[no-untyped-call]  # zxcvbn has no types


def context_parts(texts: Iterable[str]) -> list[str]:
    """The words of these texts that a password shouldn't be made of, longest first."""
    parts = {part for text in texts for part in _WORD.findall(text.casefold()) if len(part) >= _MIN_WORD}
    return sorted(parts, key=len, reverse=True)[:_MAX_WORDS]


def _problem_with_text(password: str) -> str | None:
    if len(password) < MIN_LENGTH:
        return f"Use at least {MIN_LENGTH} characters."
    if len(password) > MAX_LENGTH:
        return f"Use at most {MAX_LENGTH} characters."
    if "\0" in password or any("\ud800" <= character <= "\udfff" for character in password):
        return "This password has a character that can't be used."
    return None


def _length_without(password: str, words: list[str]) -> int:
    for word in words:
        password = password.replace(word, "")
    return len(password)
