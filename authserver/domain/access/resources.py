"""APIs that tokens are for (RFC 8707): data, changed by administrators and by `authserver apply`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Unpack

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from authserver import config, database
from authserver.domain.access import leftovers, resource_scopes, resource_wishes
from authserver.domain.access.resource_wishes import Wish
from authserver.domain.ground import cache, person_locks
from authserver.domain.record import audit
from authserver.errors import Conflict, NotFound
from authserver.lib import clock, secrets
from authserver.models import Client, Resource

MAX_PER_OWNER = 100
TOLD = (
    "name", "access_token_format", "access_token_typ", "access_token_alg", "access_token_ttl", "open",
    "open_rate_limit", "max_age", "acr_values",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """One API. Without an owner it is for everybody, but for administrators alone if it was somebody's (`private`).

    `access_token_format` None means: as the client says; `access_token_typ` None: at+jwt; `access_token_alg` None:
    ES256; `access_token_ttl` (seconds) None: as the client says. `open`: apps that register themselves may ask for
    tokens for it, within its scopes, and those of one person call it no more than `open_rate_limit` says; None: as one
    app may. `max_age` (seconds) and `acr_values` (space-separated) are what it asks of the sign-in behind a token
    (RFC 9470).
    """

    identifier: str
    name: str
    access_token_format: str | None
    access_token_typ: str | None
    owner_id: str | None
    private: bool
    created_at: int
    access_token_ttl: int | None = None
    access_token_alg: str | None = None
    open: bool = False
    open_rate_limit: str | None = None
    max_age: int | None = None
    acr_values: str = ""

    @property
    def public(self) -> bool:
        """Whether everybody's apps may ask for tokens for it."""
        return self.owner_id is None and not self.private


def all() -> dict[str, ResourceFacts]:
    """Every registered resource by its identifier; cached."""
    return _cache.get("")


def own() -> tuple[str, ...]:
    """This server, and its API alone: nobody registers them, and every client may ask for tokens for them."""
    issuer = config.current().issuer
    return issuer, f"{issuer}/v1"


def own_names() -> dict[str, str]:
    """What people read for our own."""
    brand = config.current().brand
    return dict(zip(own(), (brand, f"{brand} API"), strict=True))


def find(identifier: str) -> ResourceFacts | None:
    """One resource, or None; one that another process registered a moment ago is found, too."""
    found = all().get(identifier)
    if found is None:
        cache.forget()
        found = all().get(identifier)
    return found


def unknown(identifiers: Iterable[str]) -> list[str]:
    """Those that are no resources; the database is asked once at most, however many there are."""
    missing = [each for each in identifiers if each not in all()]
    if missing:
        cache.forget()
    return [each for each in missing if each not in all()]


def id_of(identifier: str) -> str:
    """A name for a resource that fits into a path, where its identifier, an address, does not."""
    return "res_" + secrets.digest(identifier).hex()[:24]


def by_id(id: str) -> ResourceFacts | None:
    """The resource of such a name, or None."""
    return next((each for each in all().values() if id_of(each.identifier) == id), None)


def get(identifier: str) -> ResourceFacts:
    """One resource. Raises NotFound."""
    found = find(identifier)
    if found is None:
        raise NotFound("There is no such resource.")
    return found


def assignable_by(user_id: str | None, *, admin: bool) -> tuple[ResourceFacts, ...]:
    """What a person may give to clients: public resources and their own; administrators: all."""
    return tuple(each for each in all().values() if admin or each.public or (user_id and each.owner_id == user_id))


def create(identifier: str, name: str, *, owner_id: str | None = None, **wish: Unpack[Wish]) -> Resource:
    """Register an API, and with `scopes` those that belong to it.

    Raises Invalid with one sentence a field, Conflict if it exists.
    """
    resource_wishes.require_valid(identifier, name, wish)
    scopes = wish.get("scopes") or ()
    row = Resource(identifier=identifier, owner_id=owner_id, created_at=clock.now())
    _write(row, name, wish)
    with database.transaction() as session:
        if session.get(Resource, identifier) is not None:
            raise Conflict("There is already a resource with this identifier.", field="identifier")
        if session.scalar(select(Client.id).where(or_(Client.id == identifier, Client.document_url == identifier))):
            raise Conflict(
                "An app has this as its client id: a token for one could be taken for a token of the other. Choose an"
                " identifier that is the API's alone.",
                field="identifier",
            )
        if owner_id is not None:
            require_room(session, owner_id)
        session.add(row)
        session.flush()
        leftovers.forget_api(session, identifier)
        if scopes:
            resource_scopes.assign(session, identifier, row.name, scopes)
        _touch(session)
        audit.record(
            session, "resource.created", target=f"resource:{identifier}", owner_id=owner_id, name=row.name,
            open=row.open, scopes=list(scopes),
        )  # fmt: skip
    return row


def require_room(session: Session, owner_id: str, more: int = 1, *, field: str = "owner") -> None:
    """Refuse more APIs than a person may own, who is locked before; administrators have no limit. Raises Conflict."""
    owner = person_locks.take(session, owner_id)  # two at once do not both find room
    counted = select(func.count()).select_from(Resource).where(Resource.owner_id == owner_id)
    total = (session.scalar(counted) or 0) + more
    if more and total > MAX_PER_OWNER and not (owner is not None and owner.is_admin):
        raise Conflict(
            f"They would own {total} APIs, and the limit is {MAX_PER_OWNER}. Leave some to nobody, or give them to an"
            " administrator, who has no limit.",
            field=field,
        )


def update(identifier: str, name: str, **wish: Unpack[Wish]) -> Resource:
    """Change everything of an API but its identifier, which is in tokens; its scopes only if `scopes` is given.

    Raises Invalid, NotFound.
    """
    resource_wishes.require_valid(identifier, name, wish)
    scopes = wish.get("scopes")
    with database.transaction() as session:
        row = _locked(session, identifier)
        before = _told(row)
        _write(row, name, wish)
        after = _told(row)
        if scopes is not None:
            before, after = before | {"scopes": list(resource_scopes.of(identifier))}, after | {"scopes": list(scopes)}
            resource_scopes.assign(session, identifier, row.name, scopes)
        _touch(session)
        audit.record(
            session, "resource.updated", target=f"resource:{identifier}", owner_id=row.owner_id, before=before,
            after=after,
        )  # fmt: skip
    return row


def remove(identifier: str) -> None:
    """Delete a resource that no client uses. Raises NotFound, Conflict."""
    with database.transaction() as session:
        row = _locked(session, identifier)
        users = _clients_using(session, identifier)
        if users:
            raise Conflict(f"{len(users)} apps still use this resource. Take it away from them first.")
        leftovers.clear(session, identifier, leftovers.RESOURCES)
        leftovers.forget_api(session, identifier)
        session.execute(delete(Resource).where(Resource.identifier == identifier))
        _touch(session)
        audit.record(session, "resource.deleted", target=f"resource:{identifier}", owner_id=row.owner_id)


def is_taken(identifier: str) -> bool:
    """Whether tokens with this audience are an API's: then no client has it as its id.

    An ID token of that client and an access token for that API would be one and the same to whoever reads only `aud`
    (RFC 9068 section 5), and a client named like this server would make its assertions with our tokens.
    """
    return identifier in own() or identifier in all()


def _write(row: Resource, name: str, wish: Wish) -> None:
    row.name, row.open = name.strip(), wish.get("open", False)
    row.access_token_format = wish.get("access_token_format") or None
    row.access_token_ttl = wish.get("access_token_ttl")
    row.access_token_typ = resource_wishes.kept_typ(wish.get("access_token_typ"))
    row.access_token_alg = wish.get("access_token_alg") or None
    row.open_rate_limit, row.max_age = wish.get("open_rate_limit") or None, wish.get("max_age")
    row.acr_values = " ".join((wish.get("acr_values") or "").split())


def _told(row: Resource) -> dict[str, Any]:
    return {each: getattr(row, each) for each in TOLD}


def _locked(session: Session, identifier: str) -> Resource:
    row = session.scalar(select(Resource).where(Resource.identifier == identifier).with_for_update())
    if row is None:
        raise NotFound("There is no such resource.")
    return row


def _touch(session: Session) -> None:
    # Whose an API is decides what the apps that serve it may (contract 11.36).
    cache.touch(session, "scopes")
    cache.touch(session, "clients")


def _clients_using(session: Session, identifier: str) -> list[str]:
    # The lists are JSON, which the two databases search in different ways; there are few clients and this is rare.
    rows = session.execute(
        select(Client.id, Client.resources, Client.resource_server_for).where(Client.deleted_at.is_(None))
    )
    return [row.id for row in rows if identifier in (*row.resources, *row.resource_server_for)]


def _load(_key: str) -> dict[str, ResourceFacts]:
    with database.autocommit() as connection:
        rows = connection.execute(select(Resource.__table__).order_by(Resource.name, Resource.identifier))
        return {row.identifier: ResourceFacts(**row._mapping) for row in rows}


_cache = cache.Cache[dict[str, ResourceFacts]]("scopes", _load, kept=True)
