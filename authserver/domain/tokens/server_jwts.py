"""Server-to-server JWTs: a client's own signature as its credential (contract 6, 11.13)."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Executable

from authserver import config, database
from authserver.domain.access import resources
from authserver.domain.clients import clients
from authserver.domain.clients import keys as client_keys
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.ground import reasons
from authserver.domain.limits import rate_limits, stored_rows
from authserver.domain.limits.rate_limits import State
from authserver.errors import RateLimited
from authserver.lib import clock, jwt, secrets
from authserver.lib import scopes as grammar
from authserver.models import UsedJti

ALGS = frozenset({"RS256", "PS256", "ES256", "EdDSA"})
MAX_LIFETIME = 3600
MAX_CLIENT_ID = 64  # the width of the column
MAX_JTI = 255
# How the verifiers of introspecting clients begin; and the one at which whoever introspects shows a JWT of their own.
INTROSPECTION, INTROSPECTING = "introspect:", "/oauth/introspect"
# A jti is remembered until no clock would accept its JWT any more (security.md C7).
REMEMBER = clock.LEEWAY + 60


@dataclass(frozen=True, slots=True)
class ServerJwt:
    """A client's JWT that is good now."""

    client: ClientFacts
    scopes: tuple[str, ...]
    audience: tuple[str, ...]
    claims: dict[str, Any]


def api_audience() -> str:
    """The audience of a JWT for our own API: never the issuer itself, so that it is no client assertion."""
    return f"{config.current().issuer}/v1"


class OverLimit(RateLimited):
    """The client's limit is reached; `state` says how it stands."""

    def __init__(self, state: State) -> None:
        super().__init__("The rate limit is reached.", "limit of server-to-server JWTs", retry_after=state.retry_after)
        self.state = state


def verify(token: str, verifier: str) -> ServerJwt | None:
    """What a client's own JWT says, if it is good; else None, whatever is wrong.

    Its `jti` is used up at this verifier, by one statement, after everything else was found right, the client's limit
    included. Raises OverLimit.
    """
    try:
        claimed = jwt.peek_claims(token)
        client = _issuer_of(claimed)
        claims = client_keys.verify(client, token, ALGS)
        audience = _audience(claims, client)
        jwt.check_times(claims, clock.now(), max_lifetime=MAX_LIFETIME)
        scopes = _scopes(claims, client)
        _require_fresh(claims, client)
        if not _use(claims, client, verifier):
            raise jwt.InvalidToken("jti used before")
    except jwt.InvalidToken as refused:
        reasons.note_jwt(token, refused.reason)
        return None
    except OverLimit as over:
        reasons.note(token, "rate limit", f"{over.state.limit} in {over.state.window} s", "one request more")
        raise
    return ServerJwt(client, scopes, audience, {name: claims[name] for name in _SHOWN if name in claims})


_SHOWN = ("iss", "sub", "aud", "iat", "exp", "nbf", "jti")


def _issuer_of(claims: Mapping[str, Any]) -> ClientFacts:
    """The client that a JWT claims to come from, if it may send any."""
    name = claims.get("iss")
    if not isinstance(name, str) or name != claims.get("sub") or len(name) > MAX_CLIENT_ID:
        raise jwt.InvalidToken("iss and sub are not one client")
    client = clients.find(name)
    if client is None:
        raise jwt.InvalidToken("no such client")
    if not client.enabled:
        raise jwt.InvalidToken("the app is disabled")
    if client.self_registered:
        raise jwt.InvalidToken("the app registered itself")
    return client


def _audience(claims: Mapping[str, Any], client: ClientFacts) -> tuple[str, ...]:
    """Our API, or resources that the client may ask tokens for; nothing else beside them."""
    said = claims.get("aud")
    audience = tuple(said) if isinstance(said, list) else (said,)
    if not audience or not all(_is_for(each, client) for each in audience):
        raise jwt.InvalidToken("wrong audience")
    return audience


def _is_for(identifier: object, client: ClientFacts) -> bool:
    if not isinstance(identifier, str) or identifier == config.current().issuer:
        return False
    return identifier == api_audience() or (identifier in client.resources and resources.find(identifier) is not None)


def _scopes(claims: Mapping[str, Any], client: ClientFacts) -> tuple[str, ...]:
    """All scopes of the client, or those it asked for: one that it lacks makes the JWT bad."""
    said = claims.get("scope")
    if said is None:
        return client.scopes
    try:
        asked = grammar.parse(said) if isinstance(said, str) else ()
    except ValueError:
        asked = ()
    if not asked or not set(asked) <= set(client.scopes):
        raise jwt.InvalidToken("scope beyond the client's")
    return asked


def _require_fresh(claims: Mapping[str, Any], client: ClientFacts) -> None:
    if "iat" not in claims:
        raise jwt.InvalidToken("no iat")
    if claims["iat"] < client.tokens_not_before:
        raise jwt.InvalidToken("issued before the client's tokens were revoked")


def _require_room(client: ClientFacts, verifier: str) -> None:
    """No row for a request that its limit refuses; who introspects has a ceiling, since asking is no request of it."""
    if verifier.startswith((INTROSPECTION, INTROSPECTING)):
        if not stored_rows.has_room("jti", client.id):
            raise jwt.InvalidToken("too many single-use JWTs within an hour")
        return
    limit = client.rate_limit or config.current().rate_limit_jwt
    state = rate_limits.peek(rate_limits.JWT, f"client:{client.id}", limit)
    if not state.allowed:
        raise OverLimit(state)


@functools.cache
def _mark_used(_dialect: str) -> Executable:
    return database.insert(UsedJti).on_conflict_do_nothing().returning(UsedJti.digest)


def _use(claims: Mapping[str, Any], client: ClientFacts, verifier: str) -> bool:
    """Use the jti up; False if it was used at this verifier before."""
    jti = claims.get("jti")
    if jti is None and client.jwt_reuse:
        return True
    if not isinstance(jti, str) or not 0 < len(jti) <= MAX_JTI:
        raise jwt.InvalidToken("no jti")
    if client.jwt_reuse:
        return True
    _require_room(client, verifier)
    return use_up(client, verifier, jti, until=int(claims["exp"]))


def use_up(client: ClientFacts, verifier: str, jti: str, *, until: int) -> bool:
    """Use a JWT's `jti` up at a verifier, by one statement; False if it was before. Kept past `until` (its `exp`)."""
    digest = secrets.digest("\0".join((client.id, verifier, jti)))
    values = {"digest": digest, "expires_at": until + REMEMBER}
    with database.writing() as connection:
        row = connection.execute(_mark_used(database.dialect()), values).one_or_none()
    return row is not None
