"""Codes that people read off one device and type on another (RFC 8628 section 6.1)."""

from __future__ import annotations

import re

import pytest

from authserver.lib import user_codes


def test_a_code_is_two_halves_of_consonants_and_no_two_are_the_same() -> None:
    made = {user_codes.generate() for _ in range(2000)}
    assert len(made) == 2000
    assert all(re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", each) for each in made)
    assert {letter for each in made for letter in each if letter != "-"} == set(user_codes.ALPHABET)


@pytest.mark.parametrize(
    "typed", ["WDJB-MJHT", "wdjb-mjht", "WDJBMJHT", " wdjb mjht ", "wdjb\u2013mjht", "W D J B . M J H T", "wdjb-mjht\n"]
)
def test_it_is_read_in_either_case_with_whatever_between(typed: str) -> None:
    assert user_codes.read(typed) == "WDJB-MJHT"


@pytest.mark.parametrize(
    "typed",
    ["", "-", "WDJB-MJH", "WDJB-MJHTT", "WDJB-MJH1", "WDJA-MJHT", "\uff37DJB-MJHT", "WDJB-MJHT" + " " * 40, "\x00" * 8],
)
def test_what_is_no_code_is_none(typed: str) -> None:
    assert user_codes.read(typed) is None
