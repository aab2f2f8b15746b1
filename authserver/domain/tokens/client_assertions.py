"""Client assertions: a JWT by which a client proves at our endpoints who it is (RFC 7523 sections 2.2 and 3).

It is for this server as such, never for an API: a server-to-server JWT is no assertion, and an assertion no credential.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from authserver import config
from authserver.domain.clients import keys as client_keys
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.clients.metadata.authentication import ASSERTION_ALGS
from authserver.domain.limits import stored_rows
from authserver.domain.tokens import server_jwts
from authserver.lib import clock, jwt

ALGS = ASSERTION_ALGS
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAX_LIFETIME = 3600
_VERIFIER = "client assertion"


def claimed(token: str) -> str:
    """The client that it says it comes from, unproven; empty if it names none. Raises InvalidToken."""
    name = jwt.peek_claims(token).get("sub")
    return name if isinstance(name, str) else ""


def require(client: ClientFacts, token: str, endpoint: str) -> Mapping[str, Any]:
    """The claims of one that the client signed for us, still unused. Raises InvalidToken with what is wrong.

    `endpoint` is the URL at which it was shown, which many clients name as the audience.
    """
    algs = frozenset({client.auth_signing_alg} if client.auth_signing_alg else ALGS)
    claims = client_keys.verify_named(client, token, algs, typ=None)
    if claims.get("iss") != client.client_id or claims.get("sub") != client.client_id:
        raise jwt.InvalidToken("iss and sub are not the client")
    if not _is_for_us(claims.get("aud"), endpoint):
        raise jwt.InvalidToken("wrong audience")
    jwt.check_times(claims, clock.now(), max_lifetime=MAX_LIFETIME)
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= server_jwts.MAX_JTI:
        raise jwt.InvalidToken("no jti")
    return claims


def use(client: ClientFacts, claims: Mapping[str, Any]) -> None:
    """Use its `jti` up, once everything else was found right. Raises InvalidToken if it was used before."""
    if not stored_rows.has_room("assertion", client.id):
        raise jwt.InvalidToken("too many single-use JWTs within an hour")
    if not server_jwts.use_up(client, _VERIFIER, claims["jti"], until=int(claims["exp"])):
        raise jwt.InvalidToken("jti used before")


def audiences(endpoint: str) -> Collection[str]:
    """What it may be for: the issuer, the token endpoint, the endpoint itself."""
    issuer = config.current().issuer
    return {issuer, f"{issuer}/oauth/token", endpoint}


def _is_for_us(said: object, endpoint: str) -> bool:
    """One audience and no other beside it, so that nobody it was shown to can show it here."""
    values = said if isinstance(said, list) else [said]
    return len(values) == 1 and values[0] in audiences(endpoint)
