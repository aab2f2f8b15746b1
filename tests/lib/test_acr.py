"""Authentication context classes: what a sign-in reached, and what it satisfies."""

from __future__ import annotations

import pytest

from authserver.lib import acr


@pytest.mark.parametrize(
    ("amr", "reached"),
    [
        ([], "aal1"), (["pwd"], "aal1"), (["otp"], "aal1"), (["fed"], "aal1"), (["hwk"], "aal1"), (["user"], "aal1"),
        (["pwd", "otp"], "aal2"), (["pwd", "mfa"], "aal2"), (["hwk", "user"], "phr"), (["swk", "user", "mfa"], "phr"),
    ],
)  # fmt: skip
def test_the_methods_make_the_class(amr: list[str], reached: str) -> None:
    """Contract 12: one factor, two, or a passkey with user verification (RFC 8176)."""
    assert acr.of(amr) == reached


@pytest.mark.parametrize(
    ("reached", "wanted", "met"),
    [
        ("aal1", ["aal1"], True), ("aal2", ["aal1"], True), ("aal1", ["aal2"], False), ("aal1", ["aal2", "aal1"], True),
        ("phr", ["aal2"], True), ("phr", ["urn:unknown"], False), ("aal1", [], False), ("aal1", ["AAL1"], False),
    ],
)  # fmt: skip
def test_a_stronger_class_satisfies_a_weaker_one_and_nothing_satisfies_an_unknown_one(
    reached: str, wanted: list[str], met: bool
) -> None:
    assert acr.satisfies(reached, wanted) is met


def test_a_password_reaches_one_factor_alone() -> None:
    assert acr.reachable(["aal1", "phr"]) and not acr.reachable(["aal2", "phr"]) and not acr.reachable([])
