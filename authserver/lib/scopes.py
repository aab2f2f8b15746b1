"""Scope strings (RFC 6749 section 3.3 and appendix A.4)."""

import re
from collections.abc import Iterable

_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
MAX_TOKENS = 100
MAX_LENGTH = 4000


def parse(text: str | None) -> tuple[str, ...]:
    """The scope tokens in their order, each once; none for an empty text.

    Raises ValueError for anything outside the grammar, and above 100 tokens or 4,000 characters.
    """
    if not text:
        return ()
    if len(text) > MAX_LENGTH:
        raise ValueError("the scope is too long")
    tokens = text.split(" ")
    if len(tokens) > MAX_TOKENS:
        raise ValueError("the scope has too many parts")
    if not all(_TOKEN.fullmatch(token) for token in tokens):
        raise ValueError("the scope is malformed")
    return tuple(dict.fromkeys(tokens))


def join(tokens: Iterable[str]) -> str:
    """The scope string of these tokens."""
    return " ".join(tokens)
