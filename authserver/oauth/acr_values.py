"""How surely the person has to prove who they are: `acr_values`, and the claim `acr` (OIDC Core 3.1.2.1, 5.5.1.1)."""

from __future__ import annotations

from authserver.lib import acr

MAX_VALUES = 20
MAX_LENGTH = 1_000


def read(text: str | None) -> tuple[str, ...]:
    """The classes in order of preference. Raises ValueError for what is none of the parameter's form."""
    if text is None:
        return ()
    values = tuple(dict.fromkeys(each for each in text.split(" ") if each))
    if len(text) > MAX_LENGTH or len(values) > MAX_VALUES or not text.isprintable():
        raise ValueError(f"more than {MAX_VALUES} values, or invisible characters")
    return values


def can_be_met(essential: bool, wanted: tuple[str, ...]) -> bool:
    """Whether a request has a chance: what is essential has to be reachable here (contract 11.55)."""
    return not essential or acr.reachable(wanted)
