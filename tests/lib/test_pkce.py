"""PKCE (RFC 7636; trap T4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.lib import pkce

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_the_example_of_the_rfc_holds() -> None:
    assert pkce.challenge(VERIFIER) == CHALLENGE
    assert pkce.matches(VERIFIER, CHALLENGE)


@pytest.mark.parametrize("length", [43, 44, 127, 128])
def test_a_verifier_of_43_to_128_unreserved_characters_is_valid(length: int) -> None:
    assert pkce.valid_verifier(("aZ0-._~" * 20)[:length])


HOSTILE = [
    "",
    "x" * 42,
    "x" * 129,
    VERIFIER + "\n",
    "\n" + VERIFIER,
    VERIFIER[:-1] + " ",
    VERIFIER[:-1] + "+",
    VERIFIER[:-1] + "=",
    VERIFIER[:-1] + "é",
    VERIFIER[:-1] + "٣",
    VERIFIER[:-1] + "\0",
    VERIFIER[:-1] + "\ud800",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_anything_else_is_no_verifier_and_matches_nothing(text: str) -> None:
    assert not pkce.valid_verifier(text)
    assert not pkce.matches(text, CHALLENGE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        CHALLENGE[:-1],
        CHALLENGE + "A",
        CHALLENGE + "\n",
        CHALLENGE + "=",
        CHALLENGE[:-1] + ".",
        CHALLENGE[:-1] + "~",
        CHALLENGE[:-1] + "é",
    ],
)
def test_anything_but_43_base64url_characters_is_no_challenge(text: str) -> None:
    assert not pkce.valid_challenge(text)
    assert not pkce.matches(VERIFIER, text)


def test_the_verifier_itself_is_no_challenge_for_itself() -> None:
    assert not pkce.matches(VERIFIER, VERIFIER)


@given(st.from_regex(r"[A-Za-z0-9._~-]{43,128}", fullmatch=True))
def test_every_verifier_matches_its_own_challenge_and_no_other(verifier: str) -> None:
    assert pkce.matches(verifier, pkce.challenge(verifier))
    assert not pkce.matches(verifier + "x", pkce.challenge(verifier))
