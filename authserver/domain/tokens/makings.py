"""What a credential made in its owner's name, and ending that: whoever stole it may hold all of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from authserver.domain.api_keys import keys as api_keys
from authserver.domain.clients import endings, privileges, transfers
from authserver.domain.ground import person_locks
from authserver.domain.people import users
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.lib import clock
from authserver.models import ApiKey, AuditEvent, Client, ClientSecret, ClientTransfer, User, WebhookEndpoint

_MAKING = (
    "api_key.created", "api_key.rotated", "client.created", "client.updated", "webhook.created", "webhook.updated",
    "webhook.secret_rotated",
)  # fmt: skip


@dataclass(slots=True)
class _Made:
    """Who made something, as the audit log names actors; and the ids of what was made, or changed to reach others."""

    actors: set[str]
    keys: set[str] = field(default_factory=set)
    clients: set[str] = field(default_factory=set)
    webhooks: set[str] = field(default_factory=set)


def end(session: Session, owner: User, actor: str, because: str) -> int:
    """End what a credential (`key:…`, `client:…`) made, and what that made in its turn; returns how many things.

    Keys, secrets and offers end for good; apps and webhooks are switched off, and their owner may switch them on again.
    Whom it made an administrator is one no more. Inside a transaction that several verbs share.
    """
    acting = set(users.hold_administrators())
    person_locks.take(session, owner.id)
    made = _made_by(session, owner.id, actor)
    promoted = _promoted(session, made) & acting
    for user_id in sorted(promoted) if acting - promoted else ():  # one stays, whoever made them one
        users.set_role(user_id, "user")
    lasting = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > clock.now())
    keys = (ApiKey.id.in_(made.keys), ApiKey.owner_id == owner.id, ApiKey.revoked_at.is_(None), lasting)
    # The maker's name stands at the secret, whoever's app it is; of an app that they gave away it ended with that.
    secrets = (ClientSecret.created_by.in_(made.actors), ClientSecret.revoked_at.is_(None), _own(owner))
    clients = (Client.id.in_(made.clients), Client.owner_id == owner.id, Client.deleted_at.is_(None))
    hooks = (WebhookEndpoint.id.in_(made.webhooks), WebhookEndpoint.deleted_at.is_(None))
    offers = (ClientTransfer.offered_with.in_(made.actors), ClientTransfer.offered_by == owner.id)
    return sum(
        (
            len(promoted),
            _each(session, ApiKey.id, keys, lambda id: api_keys.revoke(owner.id, id, because=because)),
            _each(session, ClientSecret.id, secrets, lambda id: endings.end_secret(owner, id, because)),
            _each(session, Client.id, (*clients, Client.disabled_at.is_(None)), lambda id: _stop(owner, id)),
            _each(session, WebhookEndpoint.id, (*hooks, WebhookEndpoint.stopped_at.is_(None)),
                  lambda id: webhook_endpoints.switch(owner.id, id, on=False)),
            _each(session, ClientTransfer.client_id, offers, lambda id: transfers.take_back(owner, id)),
        )
    )  # fmt: skip


def _own(owner: User) -> ColumnElement[bool]:
    return ClientSecret.client_id.in_(select(Client.id).where(Client.owner_id == owner.id, Client.deleted_at.is_(None)))


def _each(
    session: Session,
    id: InstrumentedAttribute[str],
    which: tuple[ColumnElement[bool], ...],
    verb: Callable[[str], Any],
) -> int:
    found = session.scalars(select(id).where(*which).order_by(id)).all()
    for each in found:
        verb(each)
    return len(found)


def _stop(owner: User, client_id: str) -> None:
    endings.disable(owner, client_id)
    endings.revoke_tokens(owner, client_id)


def _made_by(session: Session, owner_id: str, actor: str) -> _Made:
    """Followed from maker to made: a key makes keys, and an app acts for whoever owns it."""
    made, latest = _Made({actor}), {actor}
    while latest:
        before = set(made.actors)
        mine = (AuditEvent.owner_id == owner_id, AuditEvent.actor.in_(latest), AuditEvent.type.in_(_MAKING))
        for event in session.scalars(select(AuditEvent).where(*mine).order_by(AuditEvent.seq)):
            _add(made, event)
        latest = made.actors - before
    return made


def _promoted(session: Session, made: _Made) -> set[str]:
    told = (AuditEvent.actor.in_(made.actors), AuditEvent.type.in_(("user.created", "user.updated")))
    events = session.scalars(select(AuditEvent).where(*told)).all()
    return {each.target.partition(":")[2] for each in events if each.data.get("role") == "admin"}


def _add(made: _Made, event: AuditEvent) -> None:
    kind, _, id = event.target.partition(":")
    if kind == "key":
        new = str(event.data["successor"]) if event.type == "api_key.rotated" else id
        made.keys.add(new)
        made.actors.add(f"key:{new}")
    elif kind == "webhook":
        made.webhooks.add(id)
    elif event.type == "client.created" or privileges.GUARDED.intersection(event.data["changed"]):
        made.clients.add(id)
        made.actors.add(f"client:{id}")
