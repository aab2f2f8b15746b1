"""What a sentence repeats of what was entered."""

from __future__ import annotations

import pytest

from authserver.lib import quoting


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://app.example", "http://app.example"),
        ("x" * 61, "x" * 60 + "…"),
        ("a\nb\x00c", "a?b?c"),
        ("right\u202eleft", "right?left"),
        ("https://me:secret@app.example/x", "https://•••@app.example/x"),
        ("https:me:secret@app.example/x", "https:•••@app.example/x"),
        ("https://me:" + "s" * 200 + "@app.example/", "https://•••@app.example/"),
        ("https://app.example/@alice", "https://app.example/@alice"),
        ("team@example.com", "team@example.com"),
    ],
)
def test_a_value_is_repeated_short_visible_and_without_a_password(text: str, shown: str) -> None:
    assert quoting.shown(text) == shown


@pytest.mark.parametrize(
    ("text", "kept", "inert"),
    [
        ("a walk", "", "a walk"),
        ("\x1b[2J\x07", "", "\\x1b[2J\\x07"),
        ("\x9b31m", "", "\\x9b31m"),
        ("right\u202eleft", "", "right\\u202eleft"),
        ("two\nlines\r", "\n", "two\nlines\\r"),
        ("žluťoučký 猫 🦊", "", "žluťoučký 猫 🦊"),
    ],
)
def test_what_would_steer_a_terminal_is_written_as_its_escape(text: str, kept: str, inert: str) -> None:
    assert quoting.inert(text, kept=kept) == inert


def test_a_sentence_names_what_it_is_about() -> None:
    assert quoting.refused("ftp://x", "It must be https.") == "ftp://x can't be used: it must be https."
    assert quoting.refused("", "Enter an address.") == "Enter an address."


@pytest.mark.parametrize(
    ("asked", "named"),
    [([], ""), (["b"], ""), (["a", "b", "c"], "a, c"), (list("vwxyz"), "v, w, x and 2 more")],
)
def test_those_that_are_unknown_are_named_and_many_are_counted(asked: list[str], named: str) -> None:
    assert quoting.strangers(asked, {"b"}) == named
