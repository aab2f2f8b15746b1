"""Privileges of apps, judged now: skip consent, check every credential, be an API that is not its owner's (11.36)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, false, inspect, select

from authserver import database
from authserver.domain.access import resources, scopes
from authserver.errors import Invalid
from authserver.models import Client, Resource, User

PRIVILEGES = {
    "skip_consent": "skips consent",
    "introspect_all": "checks every credential",
    "resource_server_for": "is the server of an API that is not its owner's",
}
GUARDED = frozenset({
    "scopes", "default_scopes", "optional_scopes", "resources", "redirect_uris", "post_logout_redirect_uris",
    "backchannel_logout_uri", "frontchannel_logout_uri", "allowed_cors_origins", "grant_types", "response_modes",
    "application_type", "token_endpoint_auth_method", "auth_signing_alg",
    "jwks", "jwks_uri", "jwt_reuse", "require_pkce",
    "request_uris", "request_object_alg", "subject_type", "sector_identifier_uri",
})  # fmt: skip
"""What decides to whom a privilege is lent: fields that only administrators change while the app has one."""
REACH = GUARDED.union(PRIVILEGES)
"""What decides how far an app reaches, and who holds it: what a thief changes to come back by an app of others."""


class Asked(Protocol):
    """A registration or a row: what says which privileges an app has or shall have."""

    @property
    def skip_consent(self) -> bool: ...
    @property
    def introspect_all(self) -> bool: ...
    @property
    def resource_server_for(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Counting:
    """What of its privileges an app has now."""

    skip_consent: bool
    introspect_all: bool
    resource_server_for: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Idle:
    """An app whose privileges are set and do not count, because of who owns it now, or which subjects it has."""

    client_id: str
    name: str
    owner_email: str
    privileges: tuple[str, ...]


def held(app: Asked, owner_id: str | None) -> tuple[str, ...]:
    """The privileges that an app of this owner has set, whether they count or not."""
    return _held(app, _foreign(app.resource_server_for, owner_id))


def count(*, installation: bool, self_registered: bool, owner_role: str | None) -> bool:
    """Whether an app's privileges count: it is the installation's, or its owner is an administrator now."""
    return owner_role == "admin" or (installation and not self_registered)


def judged(app: Asked, owner_id: str | None, *, counting: bool) -> Counting:
    """What an app may now: without `counting` no more than be the server of its owner's own APIs."""
    if counting:
        return Counting(app.skip_consent, app.introspect_all, tuple(app.resource_server_for))
    foreign = set(_foreign(app.resource_server_for, owner_id))
    return Counting(False, False, tuple(each for each in app.resource_server_for if each not in foreign))


def require_fit(wanted: Asked, owner: User | None, before: Asked | None = None) -> None:
    """Refuse to give a privilege to a plain person's app, where it would not count. Raises Invalid."""
    if owner is None or owner.is_admin:
        return
    had = held(before, owner.id) if before else ()
    if given := [name for name in held(wanted, owner.id) if name not in had]:
        text = "This counts only for apps of administrators and of the installation, and its owner is neither."
        raise Invalid("Check the highlighted fields.", problems=dict.fromkeys(given, text))


def require_unguarded(changed: Iterable[str], app: Asked, owner_id: str | None) -> None:
    """Refuse a plain owner's change of what a privilege is lent by. Raises Invalid."""
    guarded = GUARDED.intersection(changed)
    if guarded and (has := held(app, owner_id)):
        said = " and ".join(PRIVILEGES[name] for name in has)
        text = f"This app {said}, so only an administrator changes this."
        raise Invalid("Check the highlighted fields.", problems=dict.fromkeys(sorted(guarded), text))


def makes_another(changed: Mapping[str, Any], row: Client) -> bool:
    """Whether a change makes an app what it was not: another name, or something more of what it reaches."""
    reaching = [(getattr(row, name), value) for name, value in changed.items() if name in GUARDED]
    more = (set(value) - set(old) if isinstance(value, list) else value for old, value in reaching)
    return "name" in changed or any(more)


def idle() -> list[Idle]:
    """Apps whose privileges do not count now; before the migration, those whose will not after it."""
    with database.autocommit() as connection:
        rows = connection.execute(_with_owners(connection)).all()
        # By their columns of always: the others may be what the migration is about to make.
        owned = select(Resource.identifier, Resource.owner_id).where(Resource.owner_id.is_not(None))
        own = {(each.identifier, each.owner_id) for each in connection.execute(owned)}
    found = []
    for row in rows:
        has = _held(row, [each for each in row.resource_server_for if (each, row.owner_id) not in own])
        mark, self_registered, role = row.installation, row.self_registered, row.role
        if has and not count(installation=mark, self_registered=self_registered, owner_role=role):
            found.append(Idle(row.id, row.name, row.email or "", has))
    return found


def pairwise() -> list[Idle]:
    """Apps with pairwise subjects that were assigned scopes which such apps no longer have (decision 24)."""
    with database.autocommit() as connection:
        if Client.subject_type.key not in _columns(connection):  # before there were such apps
            return []
        wanted = select(Client.id, Client.name, Client.scopes, User.email).outerjoin(User, User.id == Client.owner_id)
        which = (Client.subject_type == "pairwise", Client.deleted_at.is_(None))
        rows = connection.execute(wanted.where(*which).order_by(Client.id)).all()
    found = [
        Idle(row.id, row.name, row.email or "", tuple(sorted(scopes.NAMING.intersection(row.scopes)))) for row in rows
    ]
    return [each for each in found if each.privileges]


def _columns(connection: Connection) -> set[str]:
    return {each["name"] for each in inspect(connection).get_columns(Client.__tablename__)}


def _with_owners(connection: Connection) -> Any:
    known = _columns(connection)
    # What the migration will mark: apps that the command line made for nobody.
    unmarked = (Client.owner_id.is_(None) & (Client.self_registered == false())).label("installation")
    mark = Client.installation if "installation" in known else unmarked
    columns = (Client.id, Client.name, Client.owner_id, Client.self_registered, Client.skip_consent)
    return (
        select(*columns, Client.introspect_all, Client.resource_server_for, mark, User.role, User.email)
        .outerjoin(User, User.id == Client.owner_id)
        .where(Client.deleted_at.is_(None))
        .order_by(Client.id)
    )


def _held(app: Asked, foreign: list[str]) -> tuple[str, ...]:
    found = {
        "skip_consent": app.skip_consent, "introspect_all": app.introspect_all, "resource_server_for": bool(foreign)
    }  # fmt: skip
    return tuple(name for name, is_set in found.items() if is_set)


def _foreign(identifiers: Iterable[str], owner_id: str | None) -> list[str]:
    known = resources.all()
    own = {name for name, each in known.items() if owner_id is not None and each.owner_id == owner_id}
    return [each for each in identifiers if each not in own]
