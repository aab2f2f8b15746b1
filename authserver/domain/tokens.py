"""Access tokens and ID tokens: issuing, looking into, revoking (RFC 9068, RFC 7662, RFC 7009, OpenID Core 2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, insert, literal, select
from sqlalchemy.dialects import postgresql, sqlite

from authserver import config, database
from authserver.domain import (
    api_keys,
    audit,
    clients,
    grants,
    refresh_tokens,
    resources,
    scopes,
    server_jwts,
    signing_keys,
    usage,
)
from authserver.domain.api_keys import KeyFacts
from authserver.domain.clients import ClientFacts
from authserver.domain.grants import GrantFacts
from authserver.errors import Invalid
from authserver.lib import clock, jwt, secrets
from authserver.lib import scopes as grammar
from authserver.models import AccessToken, Grant, RevokedToken, User

ACCESS_TOKEN_TYP = "at+jwt"
ID_TOKEN_TTL = 3600
_VERIFIED_WITH = frozenset({"ES256"})  # what `issue` signs with


@dataclass(frozen=True, slots=True)
class Issued:
    """An access token as handed out, its life in seconds, and what it may do."""

    value: str
    expires_in: int
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inspection:
    """A credential that is good now, and what it says. `claims` are those of introspection (RFC 7662 section 2.2)."""

    credential: str  # access_token, refresh_token, api_key, jwt
    client_id: str
    subject: str
    scopes: tuple[str, ...]
    audience: tuple[str, ...]
    claims: dict[str, Any]
    grant: GrantFacts | None = None
    username: str = ""
    permission: str = ""
    key: KeyFacts | None = None


# Issuing


def issue(
    client: ClientFacts, *, scopes: tuple[str, ...], resources: tuple[str, ...], grant: GrantFacts | None = None
) -> Issued:
    """An access token for a grant, or for the client itself. A JWT costs no statement, an opaque token one."""
    now, ttl = clock.now(), client.access_token_ttl or config.current().access_token_ttl
    claims = {
        "iss": config.current().issuer,
        "sub": grant.user_id if grant else client.id,
        "aud": _audience(resources),
        "client_id": client.id,
        "iat": now,
        "exp": now + ttl,
        # The grant's id leads from a JWT to its grant in one lookup.
        "jti": f"{grant.id}.{secrets.random_token()}" if grant else secrets.random_token(),
    }
    if scopes:
        claims["scope"] = grammar.join(scopes)
    if grant:
        claims |= _about_sign_in(grant)
        usage.note_used("grants", grant.id)
    if _wants_opaque(client, resources):
        return Issued(_store(claims, grant), ttl, scopes)
    return Issued(jwt.sign(signing_keys.signer(), claims, ACCESS_TOKEN_TYP), ttl, scopes)


def issue_id_token(client: ClientFacts, grant: GrantFacts, beside: Issued, *, nonce: bool) -> str | None:
    """The ID token that goes with an access token, if that has the scope `openid`; else None.

    `nonce` belongs only into the first one of a grant (OpenID Connect Core 12.2).
    """
    if "openid" not in beside.scopes:
        return None
    now, key = clock.now(), signing_keys.signer(client.id_token_alg)
    claims: dict[str, Any] = {
        "iss": config.current().issuer,
        "sub": grant.user_id,
        "aud": client.id,
        "azp": client.id,
        "iat": now,
        "exp": now + ID_TOKEN_TTL,
        "at_hash": jwt.at_hash(beside.value, key.alg),
        **_about_sign_in(grant),
    }
    if nonce and grant.nonce is not None:
        claims["nonce"] = grant.nonce
    return jwt.sign(key, claims, "JWT")


def assigned_resources(client: ClientFacts, asked: tuple[str, ...]) -> tuple[str, ...]:
    """The resources a client asks tokens for itself. Raises Invalid for one that is unknown or not assigned to it."""
    for identifier in asked:
        assigned = identifier in client.resources and resources.find(identifier) is not None
        if not assigned and identifier not in resources.own():
            raise Invalid("The resource is unknown or not assigned to the client.", field="resource")
    return asked


def _audience(asked: tuple[str, ...]) -> str | list[str]:
    if not asked:
        return config.current().issuer
    return asked[0] if len(asked) == 1 else list(asked)


def _about_sign_in(grant: GrantFacts) -> dict[str, Any]:
    said: dict[str, Any] = {"auth_time": grant.auth_time}
    if grant.amr:
        said["amr"] = grant.amr
    if grant.session_id:
        said["sid"] = grant.session_id
    return said


def _wants_opaque(client: ClientFacts, asked: tuple[str, ...]) -> bool:
    registered = resources.all()  # not `find`: the issuer may be among them, and no look for it is worth a statement
    for identifier in asked:
        found = registered.get(identifier)
        if found is not None and found.access_token_format:
            return found.access_token_format == "opaque"
    return client.access_token_format == "opaque"


def _store(claims: dict[str, Any], grant: GrantFacts | None) -> str:
    token = secrets.generate(config.current().slug, "at")
    row = {
        "digest": secrets.digest(token),
        "jti": claims["jti"],
        "client_id": claims["client_id"],
        "user_id": grant.user_id if grant else None,
        "grant_id": grant.id if grant else None,
        "claims": claims,
        "expires_at": claims["exp"],
    }
    with database.autocommit() as connection:
        connection.execute(insert(AccessToken), row)
    return token


# Looking into

# Statements are built once: for SQLAlchemy that costs more than running them.


def _revoked(jti: Any) -> Any:
    return select(literal(1)).where(RevokedToken.jti == jti).exists().label("revoked")


_BY_CLIENT = select(_revoked(bindparam("jti")))
_BY_GRANT = grants.selected(_revoked(bindparam("jti"))).where(Grant.id == bindparam("grant_id"))
_OPAQUE = (
    select(*grants.COLUMNS, AccessToken.claims, AccessToken.grant_id, _revoked(AccessToken.jti))
    .select_from(AccessToken)
    .outerjoin(Grant, Grant.id == AccessToken.grant_id)
    .outerjoin(User, User.id == Grant.user_id)
    .where(AccessToken.digest == bindparam("presented"), AccessToken.expires_at > bindparam("now"))
)


def inspect(presented: str, *, ip: str = "", verifier: str = "") -> Inspection | None:
    """What a credential says, if it is good now; else None, whatever is wrong. At most one statement.

    Its form says what it is, so that no hint is needed, and garbage never reaches the database. Clients' own JWTs are
    good only where a `verifier` is named, at which they are used up (contract 11.13).
    """
    if jwt.looks_like_jwt(presented):
        if verifier and not _says_access_token(presented):
            return _inspect_server_jwt(presented, verifier)
        return _inspect_jwt(presented)
    kind = secrets.kind_of(presented)
    if kind == "at":
        return _inspect_opaque(presented)
    if kind == "rt":
        return _inspect_refresh_token(presented)
    if kind == "ak":
        return _inspect_api_key(presented, ip)
    return None


def visible_to(found: Inspection, caller: ClientFacts) -> bool:
    """Whether a client may learn of a credential (contract 5 and 11.5)."""
    if caller.introspect_all:
        return True
    if found.client_id and found.client_id == caller.id and found.credential != "jwt":
        return True
    return found.credential == "access_token" and serves(found, caller)


def serves(found: Inspection, caller: ClientFacts) -> bool:
    """Whether the caller is an API that the token is for, or that owns one of its scopes if it is for the issuer."""
    served = set(caller.resource_server_for)
    if not served.isdisjoint(found.audience):
        return True
    known = scopes.all()
    owners = {known[name].resource for name in found.scopes if name in known}
    return config.current().issuer in found.audience and not served.isdisjoint(owners)


def good_here(found: Inspection) -> bool:
    """Whether a credential is good at this server's own endpoints: an API key, or one for the issuer (11.5)."""
    if found.credential == "jwt":
        return server_jwts.api_audience() in found.audience
    return found.credential == "api_key" or config.current().issuer in found.audience


def _says_access_token(token: str) -> bool:
    try:
        typ = jwt.peek_header(token).get("typ")
    except jwt.InvalidToken:
        return True  # which `_inspect_jwt` will find out, too
    return isinstance(typ, str) and typ.lower().removeprefix("application/") == ACCESS_TOKEN_TYP


def _inspect_server_jwt(token: str, verifier: str) -> Inspection | None:
    found = server_jwts.verify(token, verifier)
    if found is None:
        return None
    return Inspection("jwt", found.client.id, found.client.id, found.scopes, found.audience, found.claims)


def _inspect_jwt(token: str) -> Inspection | None:
    claims = _verified(token)
    if claims is None:
        return None
    jti, grant_id = str(claims["jti"]), _grant_id(claims)
    with database.autocommit() as connection:
        if grant_id:
            row = connection.execute(_BY_GRANT, {"jti": jti, "grant_id": grant_id}).one_or_none()
        else:
            row = connection.execute(_BY_CLIENT, {"jti": jti}).one_or_none()
    if row is None or row.revoked:
        return None
    return _access_token(claims, grants.facts(row) if grant_id else None)


def _inspect_opaque(token: str) -> Inspection | None:
    with database.autocommit() as connection:
        row = connection.execute(_OPAQUE, {"presented": secrets.digest(token), "now": clock.now()}).one_or_none()
    if row is None or row.revoked:
        return None
    return _access_token(row.claims, grants.facts(row) if row.grant_id else None)


def _inspect_refresh_token(token: str) -> Inspection | None:
    row, now = refresh_tokens.find(token), clock.now()
    if row is None or row.used_us is not None or row.token_expires_at <= now:
        return None
    grant, client = grants.facts(row), clients.find(row.token_client_id)
    if not _alive(client, grant, row.issued_at) or client is None:
        return None
    effective = grants.effective_scopes(grant, client)
    claims = {
        "iss": config.current().issuer,
        "sub": grant.user_id,
        "client_id": client.id,
        "iat": row.issued_at,
        "exp": row.token_expires_at,
    }
    return Inspection("refresh_token", client.id, grant.user_id, effective, (), claims, grant, grant.email)


def _inspect_api_key(key: str, ip: str) -> Inspection | None:
    found = api_keys.check(key, ip)
    if found is None:
        return None
    claims = {
        "iss": config.current().issuer,
        "sub": found.owner_id,
        "iat": found.created_at,
        "exp": found.expires_at,
        "jti": found.id,
    }
    return Inspection(
        "api_key",
        "",
        found.owner_id,
        tuple(found.scopes),
        (),
        {name: value for name, value in claims.items() if value is not None},
        username=found.owner_email,
        permission=found.permission,
        key=found,
    )


def _verified(token: str) -> dict[str, Any] | None:
    """The claims of an access token that we signed and that has not expired."""
    try:
        claims = jwt.verify(token, signing_keys.verifying(), algs=_VERIFIED_WITH, typ=ACCESS_TOKEN_TYP)
        jwt.check_times(claims, clock.now())
    except jwt.InvalidToken:
        return None
    # The leeway is for `iat` of a node whose clock is ahead; no token lives longer than it says.
    good = claims.get("iss") == config.current().issuer and claims["exp"] > clock.now()
    return claims if good else None


def _grant_id(claims: dict[str, Any]) -> str:
    return str(claims["jti"]).rpartition(".")[0]


def _access_token(claims: dict[str, Any], grant: GrantFacts | None) -> Inspection | None:
    client = clients.find(claims["client_id"])
    if client is None or not _alive(client, grant, claims["iat"]):
        return None
    said = grammar.parse(claims.get("scope"))
    effective = grants.effective_scopes(grant, client, said) if grant else _assigned(client, said)
    if grant:
        usage.note_used("grants", grant.id)
    audience = claims["aud"]
    return Inspection(
        credential="access_token",
        client_id=client.id,
        subject=claims["sub"],
        scopes=effective,
        audience=tuple(audience) if isinstance(audience, list) else (audience,),
        claims={name: value for name, value in claims.items() if name != "scope"},
        grant=grant,
        username=grant.email if grant else "",
    )


def _alive(client: ClientFacts | None, grant: GrantFacts | None, issued_at: int) -> bool:
    if client is None or not client.enabled or issued_at < client.tokens_not_before:
        return False
    return grant is None or grant.alive(issued_at, clock.now())


def _assigned(client: ClientFacts, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name in client.scopes)


# Revoking


def revoke(presented: str, client_id: str | None, because: str = "revoked by its client") -> bool:
    """Revoke a token: an access token alone, a refresh token (spent or not) with its whole grant.

    `client_id` is whose it must be; None is the command line. False, without effect, for everything else.
    """
    if jwt.looks_like_jwt(presented):
        claims = _verified(presented)
        return claims is not None and _revoke_access_token(claims, client_id, because)
    kind = secrets.kind_of(presented)
    if kind == "at":
        claims = _stored_claims(presented)
        return claims is not None and _revoke_access_token(claims, client_id, because)
    if kind == "rt":
        row = refresh_tokens.find(presented)
        return row is not None and client_id in (None, row.token_client_id) and grants.revoke(row.id, because)
    return False


def _stored_claims(token: str) -> dict[str, Any] | None:
    with database.autocommit() as connection:
        found: dict[str, Any] | None = connection.scalar(
            select(AccessToken.claims).where(AccessToken.digest == secrets.digest(token))
        )
    return found


def _revoke_access_token(claims: dict[str, Any], client_id: str | None, because: str) -> bool:
    if client_id not in (None, claims["client_id"]):
        return False
    dialect = sqlite if database.dialect() == "sqlite" else postgresql
    row = {"jti": claims["jti"], "expires_at": claims["exp"] + clock.LEEWAY}
    with database.transaction() as session:
        added = session.execute(
            dialect.insert(RevokedToken).values(row).on_conflict_do_nothing().returning(RevokedToken.jti)
        ).one_or_none()
        if added is not None:
            by_person = _grant_id(claims) != ""
            audit.record(
                session,
                "token.revoked",
                target=f"access_token:{str(claims['jti'])[-8:]}",
                owner_id=claims["sub"] if by_person else None,
                client_id=claims["client_id"],
                reason=because,
            )
    return added is not None
