"""`id_token_hint`: an ID token of ours that says who is expected to be signed in (OpenID Connect Core 3.1.2.1)."""

from __future__ import annotations

from authserver.domain.clients.facts import ClientFacts
from authserver.domain.tokens import id_tokens
from authserver.lib import jwt


def subject(client: ClientFacts, hint: str) -> str:
    """The `sub` of the person who is meant. Raises InvalidToken for what is no ID token of this app's."""
    claims = id_tokens.read(hint)
    if claims["aud"] != client.client_id:
        raise jwt.InvalidToken("another app's")
    return str(claims["sub"])
