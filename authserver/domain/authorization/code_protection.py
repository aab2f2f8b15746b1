"""What keeps an authorization code from serving a thief: PKCE, or a nonce (OAuth 2.1 draft 7.5.1, RFC 9700 2.1.1)."""

from __future__ import annotations

import enum

from authserver import config
from authserver.domain.clients.facts import ClientFacts


class Needed(enum.Enum):
    """What a request of a client has to carry."""

    PKCE = "pkce"
    PKCE_OR_NONCE = "pkce_or_nonce"  # the nonce comes back in the ID token, so `openid` must be granted, too
    NOTHING = "nothing"


def needed(client: ClientFacts) -> Needed:
    """What the setting and the client's own `require_pkce` ask for.

    A secret in a program that people hold is none, so a native client counts as a public one (RFC 8252 section 8.5),
    and nobody vouches that a self-registered one cannot send PKCE.
    """
    setting = config.current().require_pkce
    if client.public or client.native or setting == "all" or client.require_pkce:
        return Needed.PKCE
    exempt = client.require_pkce is False and not client.self_registered
    return Needed.NOTHING if exempt or setting == "public" else Needed.PKCE_OR_NONCE


def described(client: ClientFacts) -> tuple[bool, str]:
    """Whether every sign-in of it is protected, and how, for its owner."""
    return {
        Needed.PKCE: (True, "PKCE protects every sign-in"),
        Needed.PKCE_OR_NONCE: (True, "PKCE or a nonce protects every sign-in"),
        Needed.NOTHING: (False, "A sign-in needs neither PKCE nor a nonce"),
    }[needed(client)]


def nonce_stands_in(client: ClientFacts, code_challenge: str | None) -> bool:
    """Whether the sign-in is protected by its nonce alone: then `openid` may not be lost (contract 11.44)."""
    return code_challenge is None and needed(client) is Needed.PKCE_OR_NONCE
