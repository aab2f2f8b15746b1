"""Names that people read: what looks like nothing is no part of one, whatever Unicode calls it."""

# Letters and signs that are printable by their category and drawn as nothing or as a space: fillers of Hangul, inherent
# vowels of Khmer, the joiner of graphemes, a Braille pattern without dots.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# They choose between two pictures of the character before them: in an emoji's name they are at home.
_SELECTORS = frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))


def is_visible(text: str) -> bool:
    """Whether every character of a text shows; an empty text does."""
    return text.isprintable() and _BLANK.isdisjoint(text)


def without_blanks(text: str) -> str:
    """A text as it looks, to be compared with another."""
    return "".join(sign for sign in text if sign not in _BLANK and sign not in _SELECTORS)
