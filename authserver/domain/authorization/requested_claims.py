"""Claims that a request asks one by one (OpenID Connect Core 5.5): each needs the scope that gives it.

A person allows scopes. So a claim alone leads to the question about its scope; the app then gets that claim alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from authserver.domain.authorization import requests as authorization_requests
from authserver.domain.authorization.requests import Pending
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.tokens import person_claims


def to_be_allowed(pending: Pending, client: ClientFacts, role: str) -> tuple[str, ...]:
    """The scopes that a person is asked about: those of the request, and of its claims. Raises Refusal."""
    kept = authorization_requests.effective_scopes(pending, client, role)
    if "openid" not in kept:
        return kept
    more = (name for name in _scopes(pending.claims.values()) if name in client.scopes and name not in kept)
    return (*kept, *more)


def split(pending: Pending, allowed: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
    """What of the allowed scopes the tokens get, and which claims come beside them, by place."""
    scopes = [name for name in allowed if name in pending.scopes]
    return scopes, given(pending.claims, allowed) if "openid" in scopes else {}


def given(claims: Mapping[str, Sequence[str]], allowed: Collection[str]) -> dict[str, list[str]]:
    """Those of the claims, by place, that these scopes allow."""
    kept = {
        place: [name for name in names if person_claims.scope_of(name) in allowed] for place, names in claims.items()
    }
    return {place: names for place, names in kept.items() if names}


def _scopes(places: Iterable[Sequence[str]]) -> tuple[str, ...]:
    wanted = {person_claims.scope_of(name) for names in places for name in names}
    return tuple(scope for scope in person_claims.BY_SCOPE if scope in wanted)
