"""OAuth clients: found by their id, registered and revised."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, bindparam, select
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.access import resources, roles, scopes, self_registration
from authserver.domain.clients import blocked_apps, logos, ownership, privileges, sector_identifiers
from authserver.domain.clients import directory as client_directory
from authserver.domain.clients import metadata as client_metadata
from authserver.domain.clients import secrets as client_secrets
from authserver.domain.clients.facts import ClientFacts, SecretFacts, is_native
from authserver.domain.clients.metadata import Registration, subjects
from authserver.domain.clients.metadata.authentication import KEY_METHOD
from authserver.domain.ground import cache, usage
from authserver.domain.record import audit
from authserver.errors import Conflict, NotFound
from authserver.hot_statements import HotStatement
from authserver.lib import clock, secrets
from authserver.models import Client as Client  # what pages and the API are handed
from authserver.models import ClientSecret, User

MAX_ID, MAX_URL = 64, 255
# Columns that a registration fills, each under the same name.
_WRITTEN = tuple(name for name in client_metadata.FIELDS if name != "client_id")


def find(client_id: str) -> ClientFacts | None:
    """The client, disabled or deleted ones too, or None; no statement when warm. A URL means what it describes."""
    return _cache.get(id_of(client_id) if is_url(client_id) else client_id)


def named(client_id: str) -> ClientFacts | None:
    """The client that a request names so, or None. One that a document describes is named by its URL alone."""
    if not is_possible(client_id):
        return None
    facts = find(client_id)
    return facts if facts is not None and facts.client_id == client_id else None


def is_possible(client_id: str) -> bool:
    """Whether it is no longer than names of clients are: nothing else is looked up, or kept in a cache."""
    return 0 < len(client_id) <= (MAX_URL if is_url(client_id) else MAX_ID)


def is_url(client_id: str) -> bool:
    """Whether a client id is the address of a document."""
    return client_id.startswith(("https://", "http://"))


def id_of(url: str) -> str:
    """Under which id a client is kept that the document at a URL describes."""
    return "cimd_" + secrets.digest(url).hex()[:40]


def find_afresh(client_id: str) -> ClientFacts | None:
    """The same, after asking the database now whether anything has changed, instead of once a second."""
    cache.forget()
    return find(client_id)


def named_afresh(client_id: str) -> ClientFacts | None:
    """The one that a request names so, or None, after asking the database in the same way."""
    return named(client_id) if is_possible(client_id) and find_afresh(client_id) else None


def get(client_id: str) -> ClientFacts:
    """The client. Raises NotFound for an unknown or deleted one."""
    facts = find(client_id)
    if facts is None or facts.deleted_at is not None:
        raise NotFound("There is no such app.")
    return facts


def register(
    owner: User | None, metadata: Registration, *, trusted: bool | None = None, installation: bool | None = None,
    self_registered: bool = False,
) -> tuple[Client, str | None]:  # fmt: skip
    """A new client and, once, its secret (None for a public one, and for one that signs with its own key).

    `trusted` allows what only administrators and the command line give (contract 11.3); by default an owner
    who is an administrator, or none, is. `installation` marks it as the installation's own, whose privileges count
    (contract 11.36): by default what has no owner is. `self_registered`: nobody here asked for it, so that it has
    neither trust nor owner. Raises Invalid with one sentence a field, Conflict for an id that is taken.
    """
    nobody = owner is None and not self_registered
    trusted = (nobody or (owner is not None and owner.is_admin)) if trusted is None else trusted
    installation = nobody if installation is None else installation
    owner_id = owner.id if owner else None
    wanted = client_metadata.complete(metadata)
    client_metadata.check(wanted, trusted=trusted, owner_id=owner_id, self_registered=self_registered)
    sector_identifiers.require(wanted)
    logo = logos.look_up(wanted.logo_uri)
    if not installation:
        privileges.require_fit(wanted, owner)
    now = clock.now()
    row = Client(
        id=wanted.client_id or secrets.random_id("cl_"),
        owner_id=owner_id,
        **columns_of(wanted),
        self_registered=self_registered,
        installation=installation,
        tokens_not_before=0,
        tokens_epoch=0,
        version=1,
        disabled_by="",
        created_at=now,
        updated_at=now,
    )
    with database.transaction() as session:
        if session.get(Client, row.id) is not None:
            raise Conflict("There is already an app with this client id.", field="client_id")
        if owner is not None:
            ownership.hold(session, owner.id, with_room=not trusted)
        session.add(row)
        session.flush()
        logos.keep(session, row, logo)
        keyed = row.token_endpoint_auth_method == KEY_METHOD
        secret = None if row.public or keyed else client_secrets.add(session, row.id)
        record(session, row, "client.created", kind=row.kind, name=row.name, self_registered=self_registered)
    return row, secret


def revise(by: User | None, client_id: str, metadata: Registration, *, version: int | None = None) -> Client:
    """Change a client; its kind, id and whether it keeps a secret stay.

    `version` is the one that the form was made from: Conflict if somebody else saved since.
    `by` None is the command line. Raises NotFound, Invalid, Conflict; Denied to make another app of it for whoever
    could register none.
    """
    _require_sector(client_id, metadata)
    logo = _new_logo(client_id, metadata)
    with database.transaction() as session:
        row = ownership.locked(session, by, client_id)
        before = registration_of(row)
        if version is not None and version != row.version:
            raise Conflict("Somebody else changed this app in the meantime. Look at it again and repeat your change.")
        wanted = client_metadata.complete(dataclasses.replace(metadata, kind=row.kind, public=row.public, client_id=""))
        client_metadata.check(
            wanted,
            trusted=ownership.is_trusted(by),
            owner_id=row.owner_id,
            before=before,
            self_registered=row.self_registered,
        )
        owner = session.get(User, row.owner_id) if row.owner_id else None
        if not row.installation:
            privileges.require_fit(wanted, owner, before)
        changed = {name: value for name, value in columns_of(wanted).items() if value != getattr(row, name)}
        if not changed:
            return row
        if not ownership.is_trusted(by):
            privileges.require_unguarded(changed, before, row.owner_id)
        if by is not None and privileges.makes_another(changed, row):
            roles.require_developer(by.role)
        told = {name: [getattr(row, name), value] for name, value in changed.items() if name != "metadata_extra"}
        if "contacts" in told:
            told["contacts"] = []  # addresses of people: the log keeps what nobody can erase from it
        for name, value in changed.items():
            setattr(row, name, value)
        if "logo_uri" in changed:
            logos.keep(session, row, logo)
        if {"jwks", "jwks_uri"} & changed.keys():
            row.keys_end_at = None  # they are its present owner's now
        row.version, row.updated_at = row.version + 1, clock.now()
        record(session, row, "client.updated", changed=told)
    return row


def _require_sector(client_id: str, metadata: Registration) -> None:
    """Before the transaction: somebody else's server may have to be asked."""
    row = stored(client_id)
    same = row and (row.sector_identifier_uri, tuple(row.redirect_uris)) == (
        metadata.sector_identifier_uri, metadata.redirect_uris
    )  # fmt: skip
    if not same:
        sector_identifiers.require(metadata)


def _new_logo(client_id: str, metadata: Registration) -> logos.Logo:
    """Before the transaction, too; one that stays is not fetched again."""
    row = stored(client_id)
    same = row is not None and row.logo_uri == metadata.logo_uri
    return logos.Logo() if same else logos.look_up(metadata.logo_uri)


def stored(client_id: str) -> Client | None:
    """The row as it was written, deleted ones too, for the command line."""
    with database.reading() as session:
        return session.get(Client, client_id)


def registration_of(row: Client) -> Registration:
    """What would have to be asked for to get this client."""
    return Registration(**_tuples({name: getattr(row, name) for name in _WRITTEN}))


owned_by = client_directory.owned_by


def note_use(secret_id: str) -> None:
    """Remember that a secret was used from the address of this request; written in batches."""
    usage.note_used("client_secrets", secret_id)


def columns_of(wanted: Registration) -> dict[str, Any]:
    """What a registration says, as its row keeps it."""
    values = {name: getattr(wanted, name) for name in _WRITTEN}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def record(session: Session, row: Client, event: str, **data: Any) -> None:
    """The event of a change, in its transaction, and the word to every cache of clients."""
    cache.touch(session, "clients", [row.id])
    audit.record(session, event, target=f"client:{row.id}", owner_id=row.owner_id, client_id=row.id, **data)


# One row for each secret that was not revoked, the newest first; one without any if there is none.
_STORED = HotStatement(
    select(
        Client.__table__,
        User.role.label("owner_role"),
        User.disabled_at.is_not(None).label("owner_disabled"),
        ClientSecret.id.label("secret_id"),
        ClientSecret.digest.label("secret_digest"),
        ClientSecret.expires_at.label("secret_expires_at"),
    )
    .select_from(Client)
    .outerjoin(User, User.id == Client.owner_id)
    .outerjoin(ClientSecret, and_(ClientSecret.client_id == Client.id, ClientSecret.revoked_at.is_(None)))
    .where(Client.id == bindparam("client_id"))
    .order_by(ClientSecret.created_at.desc())
)


def _load(client_id: str) -> ClientFacts | None:
    if "\0" in client_id:  # PostgreSQL has no such text
        return None
    rows = _STORED.all(client_id=client_id)
    if not rows:
        return None
    row = rows[0]
    if row.document_url and resources.is_taken(row.document_url):  # a URL as a client id, and no client's alone
        return None
    secrets = [
        SecretFacts(each.secret_id, each.secret_digest, each.secret_expires_at, None) for each in rows if each.secret_id
    ]
    values = _tuples(row._asdict())
    role, values["owner_disabled"] = values.pop("owner_role"), bool(values["owner_disabled"])
    counting = privileges.count(
        installation=row.installation, self_registered=row.self_registered, owner_role=role
    )  # fmt: skip
    values["tokens_ended_before"] = values.pop("tokens_not_before")
    values |= dataclasses.asdict(privileges.judged(row, row.owner_id, counting=counting))
    # The installation's own were made on the command line, which may do everything.
    role = role or ("admin" if counting else "user")
    if row.self_registered:
        if values["disabled_at"] is None and (block := blocked_apps.find(row, row.id)) is not None:
            values |= {"disabled_at": block.created_at, "disabled_by": "admin"}
        held = self_registration.judged(values["scopes"], values["default_scopes"], values["resources"])
        values |= {"scopes": held.scopes, "default_scopes": held.default_scopes, "resources": held.resources}
    for name in ("scopes", "default_scopes", "optional_scopes", "required_scopes"):
        values[name] = scopes.held_by(role, subjects.judged(row.subject_type, values[name]))
    native = is_native(values["application_type"], values["public"], values["redirect_uris"])
    facts = {field.name: values[field.name] for field in dataclasses.fields(ClientFacts) if field.name in values}
    return ClientFacts(**facts, secrets=tuple(secrets), native=native, vouched=counting)


_cache = cache.Cache[ClientFacts | None]("clients", _load, by_row=lambda facts: facts.owner_id)
