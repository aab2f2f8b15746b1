"""`Authorization: Bearer …` to one principal: API key, access token or server-to-server JWT, told apart by form."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from authserver import config
from authserver.domain.access import scopes
from authserver.domain.api_keys import wishes as key_wishes
from authserver.domain.clients import clients
from authserver.domain.limits import rate_limits
from authserver.domain.record import acting
from authserver.domain.tokens import inspection, remembered
from authserver.domain.tokens.inspection import Inspection
from authserver.edge import json_errors
from authserver.edge.exchange import Incoming
from authserver.lib import secrets
from authserver.observability import context

HERE = "/v1"


@dataclass(frozen=True, slots=True)
class UserFacts:
    """The person whose things a credential sees."""

    id: str
    email: str
    name: str
    role: str

    @property
    def is_admin(self) -> bool:
        """Whether this is an administrator now."""
        return self.role == "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking, through what, with which scopes, under which limit.

    `subject` is the `sub` of the credential: a person's id, or the client's own. `owner_id` and `user` are those of
    the person; None for a client that acts for itself. `expires_at` in epoch seconds, None for never. `own_limit`:
    the limit was given to this key or client, it is not the server's; `allowed_networks` and `made_at` are a key's.
    `told` is what a key is told of its person, None for everything, as those are that they made themselves.
    `auth_time` (epoch seconds) and `acr` are of the sign-in behind a token, None and empty where there is none.
    """

    kind: str  # api_key, access_token, jwt
    subject: str
    client_id: str | None
    key_id: str | None
    scopes: frozenset[str]
    permission: str | None
    owner_id: str | None
    user: UserFacts | None
    audiences: tuple[str, ...]
    expires_at: int | None
    rate_policy: str
    rate_key: str
    rate_limit: str
    own_limit: bool = False
    allowed_networks: tuple[str, ...] = ()
    made_at: int | None = None
    told: frozenset[str] | None = None
    auth_time: int | None = None
    acr: str = ""

    @property
    def counted_as(self) -> str:
        """The subject of its figures in /usage."""
        return f"key:{self.key_id}" if self.key_id else f"client:{self.client_id}"

    @property
    def actor(self) -> str:
        """Who does what it does, for the audit log."""
        if self.key_id:
            return f"key:{self.key_id}"
        return f"user:{self.owner_id}" if self.owner_id else f"client:{self.client_id}"

    @property
    def short_lived(self) -> bool:
        """Whether this is a key that was made to end soon (decision 14)."""
        return bool(self.made_at and self.expires_at and self.expires_at - self.made_at < key_wishes.SHORT_LIFE)

    def knows(self, scope: str) -> bool:
        """Whether it is told of its person what this scope tells: a token has it, a key needs none (`told`)."""
        return self.has(scope) if self.kind != "api_key" else self.told is None or scope in self.told

    def has(self, scope: str) -> bool:
        """Whether it holds this scope now."""
        return scope in self.scopes


def principal(incoming: Incoming, *, verifier: str = HERE, resources: Collection[str] = ()) -> Principal:
    """Who sends this request; at most one statement, and one more for a single-use JWT. Raises ApiError (401).

    `verifier` is where single-use JWTs are used up (contract 11.13). `resources` are further audiences that are good
    here: a gateway names those that own what it needs (`owning`).
    """
    presented = _presented(incoming.header("authorization"))
    if verifier == HERE:  # our own API asks every time
        found = inspection.inspect(presented, ip=incoming.ip, verifier=verifier)
    else:
        found = remembered.inspect(presented, verifier, ip=incoming.ip, verifier=verifier)
    if found is not None and (found.credential == "refresh_token" or not _for_us(found, resources)):
        inspection.note_elsewhere(presented, found, resources)
        _count_elsewhere(found)
        found = None
    if found is None:
        raise json_errors.invalid_api_key() if secrets.looks_like(presented, "ak") else json_errors.invalid_token()
    made = of(found)
    here = context.current()
    here.actor, here.owner_id = made.actor, made.owner_id or ""
    here.stands_on, here.stands_as = _stands_on(found), made.user.role if made.user else ""
    here.through = f"client:{made.client_id}" if found.grant is not None else ""
    here.log["credential"] = made.kind
    here.log |= (
        {"key_id": made.key_id} if made.key_id else {"client_id": made.client_id, "sub": made.owner_id or made.subject}
    )
    return made


def require(holder: Principal, *needed: str) -> None:
    """Refuse a principal that lacks one of these scopes. Raises ApiError (403)."""
    if holder.scopes.issuperset(needed):
        return
    if holder.kind == "api_key":
        raise json_errors.insufficient_permissions(needed)
    raise json_errors.scope_insufficient(needed)


def owning(needed: Iterable[str]) -> frozenset[str]:
    """The resource that owns all of these scopes, if there is one: its tokens are good at a gateway (contract 11.5)."""
    known, names = scopes.all(), tuple(needed)
    whose = {known[name].resource if name in known else None for name in names}
    return owners(names) if len(whose) == 1 else frozenset()


def owners(needed: Iterable[str]) -> frozenset[str]:
    """Every resource that owns one of these scopes: what each of them asks for counts where all are needed."""
    known = scopes.all()
    return frozenset(owner for name in needed if name in known and (owner := known[name].resource))


def _presented(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    value = value.strip(" ")
    if scheme.lower() != "bearer" or not value:
        raise json_errors.missing_authentication()
    return value


def _for_us(found: Inspection, resources: Collection[str]) -> bool:
    return inspection.good_here(found) or not set(resources).isdisjoint(found.audience)


def _count_elsewhere(found: Inspection) -> None:
    """A client's own JWT left a row when it was looked at, so it counts like a request that was let in (E21)."""
    if found.credential == "jwt":
        holder = of(found)
        rate_limits.consume(holder.rate_policy, holder.rate_key, holder.rate_limit)


def _stands_on(found: Inspection) -> str:
    """What ends this credential: what it makes is written while that stands alone."""
    if found.key is not None:
        return f"{acting.KEY}:{found.key.id}"
    if found.grant is not None:
        return f"{acting.GRANT}:{found.grant.id}"
    return f"{acting.CLIENT}:{found.client_id} {int(found.claims['iat'])}"


def of(found: Inspection) -> Principal:
    """The principal of a credential that is good now."""
    if found.key is not None:
        return _of_key(found)
    client = clients.find(found.client_id)
    own_limit = client.rate_limit if client else None
    settings, person = config.current(), found.grant
    is_jwt = found.credential == "jwt"
    return Principal(
        kind=found.credential,
        subject=found.subject,
        client_id=found.client_id,
        key_id=None,
        scopes=frozenset(found.scopes),
        permission=None,
        owner_id=person.user_id if person else None,
        user=UserFacts(person.user_id, person.email, person.name, person.role) if person else None,
        audiences=found.audience,
        expires_at=found.claims.get("exp"),
        rate_policy=rate_limits.JWT if is_jwt else rate_limits.OAUTH,
        rate_key=f"client:{found.client_id}" if is_jwt else f"client:{found.client_id}:{found.subject}",
        rate_limit=own_limit or (settings.rate_limit_jwt if is_jwt else settings.rate_limit_oauth),
        own_limit=own_limit is not None,
        auth_time=found.claims.get("auth_time") if person else None,
        acr=found.claims.get("acr", "") if person else "",
    )


def _of_key(found: Inspection) -> Principal:
    key = found.key
    assert key is not None  # noqa: S101  # for the type checker; `_principal` looked
    policy, bucket = rate_limits.of_key(f"key:{key.id}", key.counted_with)
    return Principal(
        kind="api_key",
        subject=key.owner_id,
        client_id=None,
        key_id=key.id,
        scopes=frozenset(found.scopes),
        permission=key.permission,
        owner_id=key.owner_id,
        user=UserFacts(key.owner_id, key.owner_email, key.owner_name, key.owner_role),
        audiences=(),
        expires_at=key.expires_at,
        rate_policy=policy,
        rate_key=bucket,
        rate_limit=key.rate_limit,
        own_limit=key.own_limit,
        allowed_networks=key.allowed_networks,
        made_at=key.created_at,
        told=key.knows,
    )
