"""The parameter `claims`: single claims, at userinfo or in the ID token (OpenID Connect Core 5.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from authserver.domain.tokens import person_claims
from authserver.lib import acr, strict_json

MAX_LENGTH = 8_000
MAX_DEPTH = 6
MAX_VALUE = 255  # what a `sub` has at most (section 2)
PLACES = ("userinfo", "id_token")
# In every ID token: they need no asking, and nobody's consent.
ALWAYS = ("sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "sid")


@dataclass(frozen=True, slots=True)
class Claims:
    """What was asked: names of claims by place, and what is asked of the sign-in itself."""

    names: dict[str, list[str]] = field(default_factory=dict)
    acr_values: tuple[str, ...] = ()
    acr_essential: bool = False
    sub: str | None = None


def described() -> dict[str, Any]:
    """Its members of the metadata (OpenID Connect Discovery 1.0, section 3)."""
    return {
        "claims_parameter_supported": True,
        "claim_types_supported": ["normal"],
        "claims_supported": [*ALWAYS, *person_claims.NAMES],
        "acr_values_supported": list(acr.REACHABLE),
    }


def read(text: str) -> Claims:
    """What the parameter asks for; members and claims that are not understood ask for nothing (section 5.5).

    Raises ValueError, whose text says what is wrong without repeating it.
    """
    asked = _parsed(text)
    wanted = {place: _requests(asked.get(place), place) for place in PLACES}
    names = {
        place: list(dict.fromkeys(name for name in map(_untagged, requests) if name in person_claims.NAMES))
        for place, requests in wanted.items()
    }
    about_acr = wanted["id_token"].get("acr", {})
    acr_values = _values(about_acr)
    return Claims(
        {place: found for place, found in names.items() if found},
        acr_values,
        bool(acr_values) and about_acr.get("essential") is True,
        _sub(wanted),
    )


def _parsed(text: str) -> Mapping[str, Any]:
    if len(text) > MAX_LENGTH:
        raise ValueError(f"longer than {MAX_LENGTH} characters")
    if strict_json.too_deep(text, MAX_DEPTH):
        raise ValueError("nested too deeply")
    try:
        asked = strict_json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("no JSON") from None
    if not isinstance(asked, dict):
        raise ValueError("no JSON object")
    return asked


def _requests(asked: Any, place: str) -> dict[str, dict[str, Any]]:
    """Each claim of a place with what is said of it (section 5.5.1): null asks for it as a voluntary one."""
    if asked is None:
        return {}
    if not isinstance(asked, dict) or not all(each is None or isinstance(each, dict) for each in asked.values()):
        raise ValueError(f"{place} is no object of claims, each null or an object")
    requests = {name: each or {} for name, each in asked.items()}
    if not all(isinstance(each.get("essential", False), bool) for each in requests.values()):
        raise ValueError("essential is neither true nor false")
    if not all(isinstance(each.get("values", []), list) for each in requests.values()):
        raise ValueError("values is no list")
    return requests


def _values(request: Mapping[str, Any]) -> tuple[str, ...]:
    given = [request["value"]] if "value" in request else request.get("values", [])
    if not all(isinstance(each, str) and 0 < len(each) <= MAX_VALUE and each.isprintable() for each in given):
        raise ValueError(f"a value of acr or sub is no text of 1 to {MAX_VALUE} visible characters")
    return tuple(given)


def _sub(wanted: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str | None:
    """The person who is meant, where the value of `sub` names one (section 5.5.1)."""
    named = {value for requests in wanted.values() for value in _values(requests.get("sub", {}))}
    if len(named) > 1:
        raise ValueError("sub names more than one person")
    return named.pop() if named else None


def _untagged(name: str) -> str:
    """A claim without its language (section 5.2): each is kept in one, and given in that."""
    return name.partition("#")[0]
