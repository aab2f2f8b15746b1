"""Making access tokens and ID tokens (RFC 9068, OpenID Connect Core 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert

from authserver import config, database
from authserver.domain.access import resources
from authserver.domain.clients import self_registered
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.grants.grants import GrantFacts
from authserver.domain.ground import usage
from authserver.domain.limits import stored_rows
from authserver.domain.signing import keys as signing_keys
from authserver.domain.tokens import person_claims, token_ids
from authserver.errors import Check, Invalid
from authserver.lib import acr, clock, jwt, rooms, secrets
from authserver.lib import scopes as grammar
from authserver.models import AccessToken

ACCESS_TOKEN_TYP = "at+jwt"
PLAIN_TYP = "JWT"  # of ID tokens, and of access tokens for APIs that can read no other
ALG = "ES256"
"""Signs access tokens unless their APIs say otherwise: a tenth of the work of RS256."""
ID_TOKEN_TTL = 3600


@dataclass(frozen=True, slots=True)
class Issued:
    """An access token as handed out, its life in seconds, and what it may do."""

    value: str
    expires_in: int
    scopes: tuple[str, ...]


def prepare(client: ClientFacts, resources: tuple[str, ...]) -> None:
    """Have at hand what `issue` needs; before a budget is spent, so that moving to another room spends it once."""
    if _wants_opaque(client, resources) or _is_first(client):
        rooms.about_to_ask_database()
    signing_keys.signer(_alg(resources))


def issue(
    client: ClientFacts, *, scopes: tuple[str, ...], resources: tuple[str, ...], grant: GrantFacts | None = None
) -> Issued:
    """An access token for a grant, or for the client itself. A JWT costs no statement, an opaque token one."""
    now, ttl = clock.now(), lifetime(client, resources)
    if _is_first(client):
        self_registered.note_first_use(client.id)
    claims = {
        "iss": config.current().issuer,
        "sub": grant.sub if grant else client.id,
        "aud": _audience(resources),
        "client_id": client.client_id,
        "iat": now,
        "exp": now + ttl,
        "jti": token_ids.of_grant(grant.id) if grant else token_ids.of_client(client.tokens_epoch),
    }
    if scopes:
        claims["scope"] = grammar.join(scopes)
    if grant:
        claims |= _about_sign_in(grant)
        usage.note_used("grants", grant.id)
    if _wants_opaque(client, resources):
        return Issued(_store(client.id, claims, grant), ttl, scopes)
    return Issued(jwt.sign(signing_keys.signer(_alg(resources)), claims, _typ(resources)), ttl, scopes)


def lifetime(client: ClientFacts, asked: tuple[str, ...]) -> int:
    """Seconds that an access token for these resources lives: the shortest that client and APIs choose, if any does."""
    registered = resources.all()
    chosen = [client.access_token_ttl, *(registered[each].access_token_ttl for each in asked if each in registered)]
    return min((each for each in chosen if each), default=config.current().access_token_ttl)


def _is_first(client: ClientFacts) -> bool:
    """Whether its first token makes an app stay that registered itself."""
    return client.self_registered and client.first_used_at is None


def issue_id_token(client: ClientFacts, grant: GrantFacts, beside: Issued, *, nonce: bool) -> str | None:
    """The ID token that goes with an access token, if that has the scope `openid`; else None.

    `nonce` belongs only into the first one of a grant (OpenID Connect Core 12.2).
    """
    if "openid" not in beside.scopes:
        return None
    now, key = clock.now(), signing_keys.signer(client.id_token_alg)
    claims: dict[str, Any] = {
        "iss": config.current().issuer,
        "sub": grant.sub,
        "aud": client.client_id,
        "azp": client.client_id,
        "iat": now,
        "exp": now + ID_TOKEN_TTL,
        "at_hash": jwt.at_hash(beside.value, key.alg),
        **_about_sign_in(grant),
    }
    by_scope = beside.scopes if client.id_token_claims else ()
    claims |= person_claims.of(grant, by_scope, person_claims.asked(grant, client, "id_token"))
    if nonce and grant.nonce is not None:
        claims["nonce"] = grant.nonce
    return jwt.sign(key, claims, PLAIN_TYP)


def is_plain_access_token(claims: Mapping[str, Any]) -> bool:
    """Whether claims under `typ: JWT` are an access token's and no ID token's (security.md 9.2.2).

    An ID token has azp and at_hash and no client_id, and its audience is an app. None of these tokens is for this
    server: what opens something here always says at+jwt.
    """
    meant = _meant(claims)
    named = all(isinstance(value, str) for value in (claims.get("client_id"), claims.get("jti"), *meant))
    elsewhere = not any(each in (claims.get("client_id"), *resources.own()) for each in meant)
    return named and bool(meant) and elsewhere and not _OF_ID_TOKENS & claims.keys()


def is_for_us(claims: Mapping[str, Any]) -> bool:
    """Whether this server itself is among those that it is for: such a token is signed with `ALG` alone."""
    return any(each in resources.own() for each in _meant(claims))


def _meant(claims: Mapping[str, Any]) -> list[Any]:
    audience = claims.get("aud")
    return audience if isinstance(audience, list) else [audience]


_OF_ID_TOKENS = frozenset({"azp", "at_hash", "nonce"})


def assigned_resources(client: ClientFacts, asked: tuple[str, ...]) -> tuple[str, ...]:
    """The resources a client asks tokens for itself. Raises Invalid for one that is unknown or not assigned to it."""
    for identifier in asked:
        assigned = identifier in client.resources and resources.find(identifier) is not None
        if not assigned and identifier not in resources.own():
            text = "The resource is unknown or not assigned to the client. Assign it to the app, or leave resource out."
            good = " or ".join((*resources.own(), *client.resources))
            raise Invalid(text, field="resource").because(Check("resource", False, good, " ".join(asked)))
    return asked


def _audience(asked: tuple[str, ...]) -> str | list[str]:
    if not asked:
        return config.current().issuer
    return asked[0] if len(asked) == 1 else list(asked)


def _about_sign_in(grant: GrantFacts) -> dict[str, Any]:
    said: dict[str, Any] = {"auth_time": grant.auth_time, "acr": acr.of(grant.amr)}
    if grant.amr:
        said["amr"] = grant.amr
    if grant.sid:
        said["sid"] = grant.sid
    return said


def _wants_opaque(client: ClientFacts, asked: tuple[str, ...]) -> bool:
    registered = resources.all()  # not `find`: the issuer may be among them, and no look for it is worth a statement
    for identifier in asked:
        found = registered.get(identifier)
        if found is not None and found.access_token_format:
            return found.access_token_format == "opaque"
    return client.access_token_format == "opaque"


def _typ(asked: tuple[str, ...]) -> str:
    """`JWT` where every API that the token is for wants it so."""
    registered = resources.all()
    wanted = {found.access_token_typ if (found := registered.get(each)) else None for each in asked}
    return PLAIN_TYP if wanted == {PLAIN_TYP} else ACCESS_TOKEN_TYP


def _alg(asked: tuple[str, ...]) -> str:
    """The algorithm that every API wants that the token is for, else ours."""
    registered = resources.all()
    wanted = {(found := registered.get(each)) and found.access_token_alg for each in asked}
    return (wanted.pop() if len(wanted) == 1 else None) or ALG


def _store(client_id: str, claims: dict[str, Any], grant: GrantFacts | None) -> str:
    if grant is None:  # those of people are as many as their sign-ins and refreshes, which have budgets
        stored_rows.require_room("access_token", client_id)
    token = secrets.generate(config.current().slug, "at")
    row = {
        "digest": secrets.digest(token),
        "jti": claims["jti"],
        "client_id": client_id,
        "user_id": grant.user_id if grant else None,
        "grant_id": grant.id if grant else None,
        "claims": claims,
        "expires_at": claims["exp"],
    }
    with database.writing() as connection:
        connection.execute(insert(AccessToken), row)
    return token
