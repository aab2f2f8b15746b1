"""Looking into credentials: whether one is good now, and what it says (RFC 7662, contract 5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, literal, select

from authserver import config
from authserver.domain.access import resources, scopes
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys.keys import KeyFacts
from authserver.domain.clients import clients
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.clients.metadata.registration import MACHINE, REFRESH
from authserver.domain.grants import grants, refresh_tokens
from authserver.domain.grants.grants import GrantFacts
from authserver.domain.ground import reasons, usage
from authserver.domain.tokens import issuance, server_jwts, signatures, token_ids
from authserver.errors import Check
from authserver.hot_statements import HotStatement
from authserver.lib import clock, jwt, secrets
from authserver.lib import scopes as grammar
from authserver.models import AccessToken, Grant, RevokedToken, User


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
    preferred_username: str = ""
    permission: str = ""
    key: KeyFacts | None = None

    @property
    def person_id(self) -> str:
        """Whose it is, whatever its app calls them; the client's own id for what is nobody's."""
        return self.grant.user_id if self.grant else self.subject


# Statements are built once: for SQLAlchemy that costs more than running them.


def _revoked(jti: Any) -> Any:
    return select(literal(1)).where(RevokedToken.jti == jti).exists().label("revoked")


_BY_CLIENT = HotStatement(select(_revoked(bindparam("jti"))))
_BY_GRANT = HotStatement(grants.selected(_revoked(bindparam("jti"))).where(Grant.id == bindparam("grant_id")))
_OPAQUE = HotStatement(
    select(
        *grants.COLUMNS,
        AccessToken.claims,
        AccessToken.grant_id,
        AccessToken.expires_at.label("token_expires_at"),
        _revoked(AccessToken.jti),
    )
    .select_from(AccessToken)
    .outerjoin(Grant, Grant.id == AccessToken.grant_id)
    .outerjoin(User, User.id == Grant.user_id)
    .where(AccessToken.digest == bindparam("presented"))
)


def inspect(presented: str, *, ip: str = "", verifier: str = "") -> Inspection | None:
    """What a credential says, if it is good now; else None, whatever is wrong. At most one statement.

    Its form says what it is, so that no hint is needed, and garbage never reaches the database. Clients' own JWTs are
    good only where a `verifier` is named, at which they are used up (contract 11.13).
    """
    if jwt.looks_like_jwt(presented):
        if verifier and not signatures.knows(presented) and not says_access_token(presented):
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
    return bool(served(found, caller))


def served(found: Inspection, caller: ClientFacts) -> frozenset[str]:
    """The APIs that the caller is, of those that a credential is for."""
    own = frozenset(caller.resource_server_for)
    named = own.intersection(found.audience)
    if named or (config.current().issuer not in found.audience and found.credential != "api_key"):
        return named
    known = scopes.all()
    return own.intersection(known[name].resource for name in found.scopes if name in known)


def good_here(found: Inspection) -> bool:
    """Whether a credential is good at this server's own endpoints: an API key, or one for the issuer (11.5)."""
    if found.credential == "jwt":
        return server_jwts.api_audience() in found.audience
    return found.credential == "api_key" or config.current().issuer in found.audience


def note_elsewhere(presented: str, found: Inspection, others: Iterable[str] = ()) -> None:
    """Keep that a credential which is good was refused for being another verifier's; `others` are audiences, too."""
    if found.credential == "refresh_token":
        reasons.note(presented, *reasons.KIND, "a refresh token")
        return
    ours = server_jwts.api_audience() if found.credential == "jwt" else config.current().issuer
    reasons.note(presented, "audience", " or ".join((ours, *sorted(others))), grammar.join(found.audience))


def says_access_token(token: str) -> bool:
    """Whether a JWT says that it is an access token of ours: by its type, or for `typ: JWT` by its issuer.

    Nothing is verified; what is no JWT is one, too, and is refused as such.
    """
    try:
        typ = jwt.peek_header(token).get("typ")
        bare = typ.lower().removeprefix("application/") if isinstance(typ, str) else ""
        ours = bare == "jwt" and jwt.peek_claims(token).get("iss") == config.current().issuer
    except jwt.InvalidToken:
        return True
    return ours or bare == issuance.ACCESS_TOKEN_TYP


def _inspect_server_jwt(token: str, verifier: str) -> Inspection | None:
    found = server_jwts.verify(token, verifier)
    if found is None:
        return None
    return Inspection("jwt", found.client.id, found.client.id, found.scopes, found.audience, found.claims)


def _inspect_jwt(token: str) -> Inspection | None:
    claims = verified(token)
    if claims is None:
        return None
    jti, grant_id = str(claims["jti"]), grant_id_of(claims)
    row = _BY_GRANT.one_or_none(jti=jti, grant_id=grant_id) if grant_id else _BY_CLIENT.one_or_none(jti=jti)
    if row is None or row.revoked:
        reasons.note(token, *_REVOKED)
        return None
    return _access_token(token, claims, grants.facts(row) if grant_id else None)


def _inspect_opaque(token: str) -> Inspection | None:
    row = _OPAQUE.one_or_none(presented=secrets.digest(token))
    if row is None:
        return None
    if row.token_expires_at <= clock.now():
        reasons.note_jwt(token, "expired")
        return None
    if row.revoked:
        reasons.note(token, *_REVOKED)
        return None
    return _access_token(token, row.claims, grants.facts(row) if row.grant_id else None)


def _inspect_refresh_token(token: str) -> Inspection | None:
    row, now = refresh_tokens.find(token), clock.now()
    if row is None or row.used_us is not None or row.token_expires_at <= now:
        return None
    grant, client = grants.facts(row), clients.find(row.token_client_id)
    if client is None or not client.may_use(REFRESH) or _ended(client, grant, row.issued_at):
        return None
    effective = grants.effective_scopes(grant, client)
    claims = {
        "iss": config.current().issuer,
        "sub": grant.sub,
        "client_id": client.client_id,
        "iat": row.issued_at,
        "exp": row.token_expires_at,
    }
    return Inspection("refresh_token", client.id, grant.sub, effective, (), claims, grant, grant.email)


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
        preferred_username=found.owner_username,
        permission=found.permission,
        key=found,
    )


def verified(token: str) -> dict[str, Any] | None:
    """The claims of an access token that we signed and that has not expired."""
    try:
        claims = signatures.signed(token)
        jwt.check_times(claims, clock.now())
    except jwt.InvalidToken as refused:
        reasons.note_jwt(token, refused.reason)
        return None
    if not all(isinstance(claims.get(name), kind) for name, kind in _REQUIRED.items()):
        return None
    # The leeway is for `iat` of a node whose clock is ahead; no token lives longer than it says.
    if claims.get("iss") != config.current().issuer:
        reasons.note(token, "issuer", config.current().issuer, "another one")
        return None
    if claims["exp"] <= clock.now():
        reasons.note_jwt(token, "expired")
        return None
    return claims


# RFC 9068 section 2.2; whoever holds our key could leave one out.
_REQUIRED: dict[str, Any] = {
    "iss": str, "exp": int, "aud": (str, list), "sub": str, "client_id": str, "iat": int, "jti": str,
}  # fmt: skip
_REVOKED = ("not revoked", "in use", "revoked, or what it was made from has ended")


def grant_id_of(claims: dict[str, Any]) -> str:
    return token_ids.grant_id(str(claims["jti"]))


def _access_token(token: str, claims: dict[str, Any], grant: GrantFacts | None) -> Inspection | None:
    client = clients.find(claims["client_id"])
    ended = _NO_CLIENT if client is None else _ended(client, grant, claims["iat"], str(claims["jti"]))
    if client is None or ended is not None:
        reasons.note_check(token, ended or _NO_CLIENT)
        return None
    audience = _audience(claims, client)
    if not audience:
        reasons.note_check(token, _NO_AUDIENCE)
        return None
    said = grammar.parse(claims.get("scope"))
    effective = grants.effective_scopes(grant, client, said) if grant else _assigned(client, said)
    if grant:
        usage.note_used("grants", grant.id)
    return Inspection(
        credential="access_token",
        client_id=client.id,
        subject=claims["sub"],
        scopes=effective,
        audience=audience,
        claims={name: value for name, value in claims.items() if name != "scope"} | _told(claims["aud"], audience),
        grant=grant,
        username=grant.email if grant else "",
        preferred_username=grant.username if grant else "",
    )


_NO_CLIENT = Check("client", False, "enabled", "disabled or deleted")
_NO_AUDIENCE = Check("audience", False, "an API that is assigned to the app", "one that was taken from it")


def _audience(claims: dict[str, Any], client: ClientFacts) -> tuple[str, ...]:
    """The APIs that a token is for and that its app may still ask tokens for; whoever issued it is one of them."""
    said = claims["aud"]
    named = (said,) if isinstance(said, str) else tuple(said)
    own = (*resources.own(), claims["iss"])
    return tuple(each for each in named if each in own or each in client.resources)


def _told(said: str | list[str], audience: tuple[str, ...]) -> dict[str, Any]:
    """The claim `aud`, where not all of it holds any more."""
    return {} if isinstance(said, str) or len(said) == len(audience) else {"aud": list(audience)}


def _ended(client: ClientFacts, grant: GrantFacts | None, issued_at: int, jti: str = "") -> Check | None:
    """Why nothing that was issued then works any more, as a check; None if it does.

    What is nobody's is the app's own, and good while it may ask for such tokens. `jti` is an access token's: a client's
    own says by it that it is older than the end of all, whatever its clock said.
    """
    if not client.enabled:
        return _NO_CLIENT
    if grant is None and not client.may_use(MACHINE):
        return Check("grant", False, MACHINE, "taken from the app")
    outlived = bool(jti) and grant is None and token_ids.epoch(jti) < client.tokens_epoch
    if outlived or issued_at < client.tokens_not_before:
        return Check("not revoked", False, "issued after all tokens of the app ended", "issued before")
    return grant.ended(issued_at, clock.now()) if grant else None


def _assigned(client: ClientFacts, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name in client.scopes)
