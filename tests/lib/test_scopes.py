"""Scope strings (RFC 6749 appendix A.4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.lib import scopes


@pytest.mark.parametrize("text", ["", None])
def test_an_empty_scope_is_no_scope(text: str | None) -> None:
    assert scopes.parse(text) == ()


def test_order_is_kept_and_repetition_dropped() -> None:
    assert scopes.parse("b a b c a") == ("b", "a", "c")


@given(st.lists(st.from_regex(r"[\x21\x23-\x5b\x5d-\x7e]{1,30}", fullmatch=True), max_size=100, unique=True))
def test_what_is_joined_is_parsed_again(tokens: list[str]) -> None:
    text = scopes.join(tokens)
    if len(text) <= scopes.MAX_LENGTH:
        assert scopes.parse(text) == tuple(tokens)


@pytest.mark.parametrize(
    "text",
    [
        " ",
        " a",
        "a ",
        "a  b",
        "a\tb",
        "a\nb",
        "a\n",
        'a"b',
        "a\\b",
        "é",
        "a\0",
        "\x7f",
        "a\u00a0b",
        "\ud800",
        "x" * 4001,
        " ".join(str(n) for n in range(101)),
    ],
)
def test_text_outside_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="scope"):
        scopes.parse(text)
