"""What the scopes of a grant let its app know about the person (OpenID Connect Core 5.4)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from authserver.domain.grants.grants import GrantFacts

NAMES = (
    "name", "given_name", "family_name", "preferred_username", "updated_at", "email", "email_verified",
)  # fmt: skip


def of(grant: GrantFacts, scopes: Collection[str]) -> dict[str, Any]:
    """The claims of userinfo, and of the ID tokens of apps that want them there, too. What is not known is left out."""
    claims: dict[str, Any] = {}
    if "profile" in scopes:
        claims |= {
            "name": grant.name,
            "given_name": grant.given_name,
            "family_name": grant.family_name,
            "preferred_username": grant.username,
            "updated_at": grant.person_updated_at,
        }
    if "email" in scopes:
        claims |= {"email": grant.email, "email_verified": grant.email_verified_at is not None}
    return {name: value for name, value in claims.items() if value != ""}
