"""Names that people read hold nothing that does not show."""

from __future__ import annotations

import pytest

from authserver.lib import visible_text


@pytest.mark.parametrize("text", ["", "Notes", "Żółć 日本 العربية", "Love ❤️", "a b"])
def test_what_shows_is_visible(text: str) -> None:
    assert visible_text.is_visible(text)


@pytest.mark.parametrize(
    "sign", ["\u3164", "\u2800", "\u115f", "\u1160", "\uffa0", "\u17b4", "\u034f", "\u200b", "\u202e", "\n"]
)
def test_what_does_not_is_not(sign: str) -> None:
    assert not visible_text.is_visible(f"No{sign}tes")


def test_texts_that_look_the_same_are_compared_as_the_same() -> None:
    assert visible_text.without_blanks("No\u3164te\ufe0fs\u2800") == "Notes"
