"""Apps that register themselves: made, read, changed and removed by whoever holds their token (RFC 7591, RFC 7592)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select, update

from authserver import config, database
from authserver.domain.clients import (
    blocked_apps,
    clients,
    endings,
    logos,
    privileges,
    registration_tokens,
    sector_identifiers,
)
from authserver.domain.clients import metadata as client_metadata
from authserver.domain.clients import secrets as client_secrets
from authserver.domain.clients.metadata import Registration, links
from authserver.domain.clients.metadata import self_registration as metadata
from authserver.domain.ground import batches, cache, throttle
from authserver.domain.limits import changes
from authserver.errors import DomainError, Invalid
from authserver.lib import clock, secrets
from authserver.models import Client, Grant
from authserver.observability import context

KIND = "rat"
PURGED_AT_ONCE = 50


class NotRegistered(DomainError):
    """The token is not good, or not for this: unknown, ended, another app's. The answers are the same."""

    status = 401

    def __init__(self, detail: str) -> None:
        super().__init__("The token is not good here: unknown, ended, used up, or another app's.", detail)


@dataclass(frozen=True, slots=True)
class Registered:
    """An app, its secret (once; None without, or where it stays as it was), and the token that changes it."""

    client: Client
    secret: str | None
    token: str


def begin(presented: str) -> None:
    """Judge whoever wants to register, before anything is read. Raises NotRegistered, RateLimited.

    `presented` is an initial access token, or empty: then it depends on the setting, and a place is taken.
    """
    if presented:
        if not registration_tokens.is_good(presented):
            raise NotRegistered("initial access token")
    elif config.current().registration == "open":
        throttle.begin_registration(ip=context.current().ip)
    else:
        raise NotRegistered("no initial access token")


def register(wanted: Registration, presented: str = "") -> Registered:
    """A new app, with a use of the initial access token if one was presented. Raises Invalid, NotRegistered."""
    _require_welcome(wanted)
    sector_identifiers.require(wanted)
    wanted = _with_its_logo(wanted)
    token = secrets.generate(config.current().slug, KIND)
    with database.together():
        with_token = registration_tokens.spend(presented) if presented else None
        if presented and with_token is None:
            raise NotRegistered("initial access token spent meanwhile")
        row, secret = clients.register(None, wanted, self_registered=True)
        with database.transaction():
            row.registration_digest, row.registered_with = secrets.digest(token), with_token
    return Registered(row, secret, token)


def find(client_id: str, presented: str) -> Client:
    """The app whose token this is. Raises NotRegistered for every other, and for one that is stopped."""
    if secrets.kind_of(presented) != KIND:
        raise NotRegistered("no registration access token")
    with database.reading() as session:
        row = session.scalar(select(Client).where(Client.id == client_id, *_held_by(presented)))
    if row is None:
        raise NotRegistered("registration access token")
    return row


def revise(client_id: str, presented: str, wanted: Registration) -> Registered:
    """Everything that the app says of itself, anew; its token is replaced.

    Raises Invalid, NotRegistered, RateLimited.
    """
    present = find(client_id, presented)  # nobody else spends its budget
    changes.spend(f"client {client_id}")
    throttle.begin_revision(ip=context.current().ip)
    _require_unblocked(present)
    _require_welcome(wanted)
    sector_identifiers.require(wanted)
    wanted = wanted if wanted.logo_uri == present.logo_uri else _with_its_logo(wanted)
    vouched = present.registered_with is not None
    token = secrets.generate(config.current().slug, KIND)
    with database.together():
        with database.transaction() as session:
            # One statement: of two that have the token, one replaces it.
            swapped = update(Client).where(Client.id == client_id, *_held_by(presented))
            won = session.scalar(
                swapped.values(registration_digest=secrets.digest(token)).returning(Client.id),
                execution_options={"synchronize_session": False},
            )
            if won is None:
                raise NotRegistered("registration access token")
            row = session.get_one(Client, client_id)
            before = clients.registration_of(row)
        _require_same_kind(row, wanted)
        changed = client_metadata.complete(metadata.merged(before, wanted, vouched=vouched))
        if any(getattr(changed, name) != getattr(before, name) for name in privileges.GUARDED):
            _require_unguarded(row)
        row = clients.revise(None, client_id, changed)
    return Registered(row, None, token)


def remove(client_id: str, presented: str) -> None:
    """End the app, its tokens, and its registration. Raises NotRegistered."""
    with database.together():
        with database.transaction() as session:
            ended = update(Client).where(Client.id == client_id, *_held_by(presented)).values(registration_digest=None)
            won = session.scalar(ended.returning(Client.id), execution_options={"synchronize_session": False})
        if won is None:
            raise NotRegistered("registration access token")
        endings.remove(None, client_id)


def end_leaked(presented: str, because: str) -> None:
    """End the token with which an app's registration is changed, shown by somebody who should not have it.

    The app goes on as it is registered, and is changed by administrators alone from now on.
    """
    known = (Client.registration_digest == secrets.digest(presented), Client.self_registered.is_(True))
    with database.transaction() as session:
        row = session.scalar(select(Client).where(*known).with_for_update(key_share=True))
        if row is not None:
            row.registration_digest = None
            told = {"registration_access_token": ["in use", "ended"]}
            clients.record(session, row, "client.updated", changed=told, reason=because)


def is_its_secret(client_id: str, presented: Any) -> bool:
    """Whether this is the secret that the app has now."""
    digest = secrets.digest(presented) if isinstance(presented, str) else b""
    return any(secrets.equal(digest, each.digest) for each in client_secrets.active(client_id))


def note_first_use(client_id: str) -> None:
    """Its first token was issued: from now on it stays."""
    with database.transaction() as session:
        first = update(Client).where(Client.id == client_id, Client.first_used_at.is_(None))
        session.execute(first.values(first_used_at=clock.now()), execution_options={"synchronize_session": False})
        cache.touch(session, "clients", [client_id])


def purge(before: int) -> int:
    """Delete apps that registered themselves before a time (epoch seconds) and never got a token; how many."""
    unused = (Client.self_registered.is_(True), Client.first_used_at.is_(None), Client.owner_id.is_(None))
    # A document leads to the same app again: what an administrator said of that would be forgotten with its row.
    unsaid = or_(Client.document_url.is_(None), Client.disabled_at.is_(None) & Client.rate_limit.is_(None))
    no_grant = ~exists(select(Grant.id).where(Grant.client_id == Client.id))
    # Few at a time, each whole: one of which somebody gets a grant just now keeps its secret.
    return batches.delete_all(
        Client, *unused, unsaid, Client.created_at < before, no_grant,
        then=lambda session: cache.touch(session, "clients"), at_once=PURGED_AT_ONCE,
    )  # fmt: skip


def _held_by(presented: str) -> tuple[ColumnElement[bool], ...]:
    return (
        Client.registration_digest == secrets.digest(presented),
        Client.self_registered.is_(True),
        Client.deleted_at.is_(None),
        Client.disabled_at.is_(None),
    )


def _with_its_logo(wanted: Registration) -> Registration:
    """With the logo that is found at its address; with none where that is no picture for us (RFC 7591 section 3.2.1).

    Before the transaction: somebody else's server is asked.
    """
    without = dataclasses.replace(wanted, logo_uri="")
    if "logo_uri" in links.check(wanted):
        return without
    try:
        logos.look_up(wanted.logo_uri)
    except Invalid:
        return without
    return wanted


def _require_welcome(wanted: Registration) -> None:
    if (block := blocked_apps.find(wanted)) is not None:
        field = {blocked_apps.NAME: "name"}.get(block.kind, "redirect_uris")
        raise Invalid("Check the metadata.", problems={field: "An administrator of this server blocked this app."})


def _require_unblocked(row: Client) -> None:
    """No app takes a block off by another name, or another host: what it got before would work again."""
    if blocked_apps.find(row, row.id) is not None:
        raise Invalid(
            "Check the metadata.", problems={"client_id": "An administrator of this server blocked this app."}
        )


def _require_same_kind(row: Client, wanted: Registration) -> None:
    if bool(wanted.public) != row.public:
        text = "Whether the app keeps a secret stays as it was registered. Register it anew to change that."
        raise Invalid("Check the metadata.", problems={"token_endpoint_auth_method": text})


def _require_unguarded(row: Client) -> None:
    """While an administrator lends it a privilege, only administrators change to whom (contract 11.36)."""
    if has := privileges.held(row, row.owner_id):
        said = " and ".join(privileges.PRIVILEGES[name] for name in has)
        raise Invalid("Check the metadata.", problems={"redirect_uris": f"This app {said}: administrators change it."})
