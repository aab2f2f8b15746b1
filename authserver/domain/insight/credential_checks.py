"""What is wrong with a credential that was refused, for its owner's eyes alone: nothing here decides anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from sqlalchemy import select

from authserver import config, database
from authserver.domain.api_keys import judging
from authserver.domain.clients import clients
from authserver.domain.clients import keys as client_keys
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.ground import reasons
from authserver.domain.signing import keys as signing_keys
from authserver.domain.tokens import inspection, issuance, server_jwts, signatures, token_ids
from authserver.errors import Check
from authserver.lib import clock, durations, jwt, secrets
from authserver.lib import scopes as grammar
from authserver.models import AccessToken, ClientSecret, Grant, RefreshToken, RevokedToken

MAX_CLIENT_ID = 64


@dataclass(frozen=True, slots=True)
class Explained:
    """Whose credential it is, and what was looked at."""

    checks: tuple[Check, ...]
    client_id: str | None = None
    key_id: str | None = None
    owner_id: str | None = None
    proven: bool = True  # False: a signature that does not fit says nothing about who sent it


def explain(presented: str, *, ip: str, refused: bool = True) -> Explained | None:
    """Why a credential was refused; None for one that belongs to nobody we know.

    Who refused it has said why (`reasons`), and that alone stands as what failed, beside what was in order. `refused`
    False: it was good, and what it lacked is said by somebody else.
    """
    found, said = _looked_at(presented), reasons.of(presented)
    # A credential that is for something else was tried as what it is not: what it is says more.
    if found is None or any(check.check == reasons.KIND[0] for check in found.checks):
        return found
    good = tuple(check for check in found.checks if check.ok and (said is None or check.check != said.check))
    if not refused:
        return replace(found, checks=good)
    return replace(found, checks=(_shown(said or _UNSAID, found), *good))


_UNSAID = Check("credential", False, "one that is good here", "no reason was kept")


def _shown(said: Check, found: Explained) -> Check:
    """The check that failed. Where it names a rule alone, the values are read from the credential."""
    if said.received and not reasons.in_words(said):
        return said
    return next((check for check in found.checks if check.check == said.check and not check.ok), said)


def _looked_at(presented: str) -> Explained | None:
    if jwt.looks_like_jwt(presented):
        return _of_jwt(presented)
    kind = secrets.kind_of(presented)
    if kind == "ak":
        return _of_key(presented)
    if kind == "at":
        return _of_opaque(presented)
    return _of_another_kind(presented, kind) if kind in ("rt", "cs") else None


def _of_key(presented: str) -> Explained | None:
    row = judging.find(presented)
    if row is None:
        return None
    return Explained(
        (Check("credential", True, "one of this server", "an API key"),), key_id=row.id, owner_id=row.owner_id
    )


def _of_opaque(presented: str) -> Explained | None:
    with database.reading() as session:
        claims = session.scalar(select(AccessToken.claims).where(AccessToken.digest == secrets.digest(presented)))
    return _of_claims(claims, signed=True) if claims else None


def _of_another_kind(presented: str, kind: str) -> Explained | None:
    """A refresh token or a client secret, which are for the token endpoint alone."""
    table = RefreshToken if kind == "rt" else ClientSecret
    with database.reading() as session:
        client_id = session.scalar(select(table.client_id).where(table.digest == secrets.digest(presented)))
    said = "a refresh token" if kind == "rt" else "a client secret"
    return Explained((_kind(said),), client_id=client_id) if client_id else None


def _of_id_token(token: str, claims: Mapping[str, Any]) -> Explained | None:
    """An ID token of ours, which tells an app who signed in and opens nothing."""
    client = _client(next(iter(_list(claims.get("aud"))), None))
    if client is None:
        return None
    try:
        jwt.verify(token, signing_keys.verifying(), algs=frozenset({"RS256", "ES256"}), typ=None)
    except jwt.InvalidToken:
        return Explained((_kind("what looks like an ID token"),), client_id=client.id, proven=False)
    return Explained((_kind("an ID token"),), client_id=client.id)


def _kind(said: str) -> Check:
    check, expected = reasons.KIND
    return Check(check, False, expected, said)


def _of_jwt(token: str) -> Explained | None:
    try:
        header, claims = jwt.peek_header(token), jwt.peek_claims(token)
    except jwt.InvalidToken:
        return _of_sender(jwt.said(token))
    says_so = inspection.says_access_token(token)
    if not says_so and claims.get("iss") != config.current().issuer:
        return _of_own_jwt(token, header, claims)
    if not says_so or (not _says_at_jwt(header) and not issuance.is_plain_access_token(claims)):
        return _of_id_token(token, claims)
    try:
        signatures.signed(token)
    except jwt.InvalidToken:
        return _of_claims(claims, signed=False)
    return _of_claims(claims, signed=True)


def _of_sender(claims: Mapping[str, Any]) -> Explained | None:
    """Of a JWT that nobody would read any further: whom it names."""
    client = _client(claims.get("client_id")) or _client(claims.get("iss"))
    return Explained((), client_id=client.id, proven=False) if client else None


def _says_at_jwt(header: Mapping[str, Any]) -> bool:
    return str(header.get("typ", "")).lower().removeprefix("application/") == issuance.ACCESS_TOKEN_TYP


def _of_claims(claims: Mapping[str, Any], *, signed: bool) -> Explained | None:
    client = _client(claims.get("client_id"))
    if client is None:
        return None
    issuer = config.current().issuer
    checks = [
        Check("signature", signed, "made by this server", "fits" if signed else "does not fit, or its key is gone"),
        Check("issuer", claims.get("iss") == issuer, issuer, _said(claims.get("iss"))),
        Check("audience", issuer in _list(claims.get("aud")), f"{issuer}, or the API itself", _said(claims.get("aud"))),
        *_clock(claims),
        Check("client", client.enabled, "enabled", "" if client.enabled else "disabled or deleted"),
    ]
    # Whose token it is may be believed only if we made it.
    owner_id = _person(claims) if signed and claims.get("sub") != client.id else None
    said = (*checks, *(_revoked(claims) if signed else ()))
    return Explained(said, client_id=client.id, owner_id=owner_id, proven=signed)


def _person(claims: Mapping[str, Any]) -> str:
    """Whose it is: the grant says, for an app may know the person by another `sub`."""
    with database.reading() as session:
        grant = session.get(Grant, token_ids.grant_id(str(claims.get("jti", ""))))
    return grant.user_id if grant else str(claims["sub"])


def _revoked(claims: Mapping[str, Any]) -> list[Check]:
    jti = str(claims.get("jti", ""))
    with database.reading() as session:
        gone = session.get(RevokedToken, jti) is not None
        grant = session.get(Grant, token_ids.grant_id(jti))
    ended = grant is not None and grant.revoked_at is not None
    why = grant.revoked_because if grant is not None and ended else "revoked" if gone else "in use"
    return [Check("not revoked", not gone and not ended, "in use", why)]


def _of_own_jwt(token: str, header: Mapping[str, Any], claims: Mapping[str, Any]) -> Explained | None:
    client = _client(claims.get("iss"))
    if client is None:
        return None
    try:
        client_keys.verify(client, token, server_jwts.ALGS)
        signature = ""
    except jwt.InvalidToken as problem:
        signature = problem.reason
    alg = _said(header.get("alg"))
    good = [server_jwts.api_audience(), *client.resources]
    asked = _said(claims.get("scope"))
    checks = [
        Check("algorithm", alg in server_jwts.ALGS, ", ".join(sorted(server_jwts.ALGS)), alg),
        Check("signature", not signature, "made with a registered key of the client", signature or "fits"),
        Check("subject", claims.get("sub") == client.id, client.id, _said(claims.get("sub"))),
        Check("audience", set(_list(claims.get("aud"))) <= set(good), " or ".join(good), _said(claims.get("aud"))),
        *_clock(claims, server_jwts.MAX_LIFETIME),
        Check("scope", "scope" not in claims or set(asked.split()) <= set(client.scopes),
              grammar.join(client.scopes), asked),
    ]  # fmt: skip
    if not client.jwt_reuse and not claims.get("jti"):
        # Whether it was used up is known to who refused it (`reasons`), and cannot be seen here.
        checks.append(Check("jti", False, "present, and new at this verifier", "missing"))
    return Explained(tuple(checks), client_id=client.id, proven=not signature)


def _clock(claims: Mapping[str, Any], lifetime: int = 0) -> list[Check]:
    now, exp, iat = clock.now(), claims.get("exp"), claims.get("iat")
    said = f"now is {durations.iso(now)}"
    checks = [Check("expiry", _number(exp) and exp > now, f"after now; {said}", _when(exp))]
    early = _number(iat) and iat <= now + clock.LEEWAY
    checks.append(Check("clock", early, f"issued at most {clock.LEEWAY} s ahead; {said}", _when(iat)))
    if lifetime and _number(exp):
        checks.append(Check("lifetime", exp - now <= lifetime + clock.LEEWAY, f"at most {lifetime} s",
                            f"{int(exp - now)} s from now"))  # fmt: skip
    return checks


def _client(client_id: object) -> ClientFacts | None:
    if not isinstance(client_id, str) or not 0 < len(client_id) <= MAX_CLIENT_ID:
        return None
    return clients.find(client_id)


def _number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 2**33


def _when(value: object) -> str:
    return durations.iso(int(value)) if _number(value) else "" if value is None else "no time"


def _list(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else [str(value)]


def _said(value: object) -> str:
    return " ".join(_list(value)) if value is not None else "(nothing)"
