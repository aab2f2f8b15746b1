"""What an app is told about a person: the standard claims, by scope (OpenID Connect Core 5.1, 5.4)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from authserver.domain.clients.facts import ClientFacts
from authserver.domain.grants.grants import GrantFacts
from authserver.domain.people import standard_claims

BY_SCOPE: dict[str, tuple[str, ...]] = {
    "profile": (
        "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
        "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
    ),
    "email": ("email", "email_verified"),
    "phone": ("phone_number", "phone_number_verified"),
    "address": ("address",),
}  # fmt: skip
"""The claims that each scope gives (section 5.4)."""
_SCOPE_OF = {name: scope for scope, names in BY_SCOPE.items() for name in names}
NAMES = tuple(_SCOPE_OF)


def scope_of(name: str) -> str:
    """The scope that gives a claim."""
    return _SCOPE_OF[name]


def of(grant: GrantFacts, scopes: Collection[str], asked: Iterable[str] = ()) -> dict[str, Any]:
    """The claims that these scopes give, and those that were `asked` one by one. What is not known is left out."""
    names = {name for scope, given in BY_SCOPE.items() if scope in scopes for name in given} | {*asked}
    return {name: value for name, value in _known(grant).items() if name in names} if names else {}


def asked(grant: GrantFacts, client: ClientFacts, place: str) -> tuple[str, ...]:
    """What a request asked one by one for `userinfo` or `id_token`, as far as the app may have it still."""
    return tuple(name for name in grant.requested_claims.get(place, ()) if _SCOPE_OF[name] in client.scopes)


def _known(grant: GrantFacts) -> dict[str, Any]:
    told = {
        "name": grant.name,
        "given_name": grant.given_name,
        "family_name": grant.family_name,
        "preferred_username": grant.username,
        "updated_at": grant.person_updated_at,
        "email": grant.email,
        "email_verified": grant.email_verified_at is not None,
        **grant.standard_claims,
    }
    if "phone_number" in told:
        told["phone_number_verified"] = False  # nothing here proves whose number it is
    if "address" in told:
        told["address"] = {"formatted": standard_claims.formatted(told["address"]), **told["address"]}
    return {name: value for name, value in told.items() if value != ""}
