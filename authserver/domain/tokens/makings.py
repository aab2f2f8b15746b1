"""What a credential made in its owner's name, and ending that: whoever stole it may hold all of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, false, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from authserver.domain.access import roles
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.clients import endings, privileges, registration_tokens, transfers
from authserver.domain.ground import id_sets, one_time_links, person_locks
from authserver.domain.people import addresses, users
from authserver.domain.tokens import empowered
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.lib import clock
from authserver.models import (
    ApiKey,
    AuditEvent,
    Client,
    ClientSecret,
    ClientTransfer,
    RegistrationToken,
    User,
    WebhookEndpoint,
)

_MAKING = (
    "api_key.created", "api_key.rotated", "client.created", "client.updated", "webhook.created", "webhook.updated",
    "webhook.secret_rotated",
)  # fmt: skip


# What is other people's, or the installation's, ends where it was made or changed within so many days: a credential
# with which everything here was set up for years would take all of it along.
OTHERS_DAYS = 30


@dataclass(frozen=True, slots=True)
class Ended:
    """How many things ended, and how many of others were made or changed too long ago, and stay as they are."""

    count: int
    left: int


@dataclass(slots=True)
class _Made:
    """Who made something, as the audit log names actors; and the ids of what was made, or changed to reach others.

    `owner_id` is whose credential it was; of others' counts what was done from `since` on (epoch seconds).
    """

    owner_id: str | None
    since: int
    actors: set[str]
    left: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    clients: set[str] = field(default_factory=set)
    webhooks: set[str] = field(default_factory=set)


def end(session: Session, owner: User | None, actor: str, because: str, *, made_at: int = 0) -> Ended:
    """End what a credential (`key:…`, `client:…`) made, and what that made in its turn.

    `owner` is whom it acted for; None for the installation's own app, which acts for nobody and may administer people.
    Keys, secrets, registration tokens and offers end for good; apps and webhooks are switched off, and their owner may
    switch them on again. Whom it made a developer or an administrator is one no more, who was stopped and let in again
    is stopped, an address that it vouched for is vouched for no more, and links that it made are dead.
    Of others' what was done in the last OTHERS_DAYS, and after `made_at`: before it nobody had the credential. Inside a
    transaction that several verbs share.
    """
    acting = set(users.hold_administrators()) if owner is None or _administered(session, owner) else set()
    if owner is not None:
        person_locks.take(session, owner.id)
    since = max(made_at, clock.now() - OTHERS_DAYS * 86_400)
    made = _made_by(session, _Made(owner.id if owner else None, since, {actor}))
    people = _end_people(session, made, acting)
    one_time_links.kill_made_by(session, made.actors)
    return Ended(people + _end_things(session, owner, made, because), len(made.left))


def _end_people(session: Session, made: _Made, acting: set[str]) -> int:
    """Take back what `made` gave to people; returns how many things. `acting` are all administrators, locked."""
    raised, let_in = _raised(session, made), _let_in(session, made)
    spared = set() if acting - raised - let_in else acting  # one stays, whoever made them one
    stopped = sorted(let_in - spared)
    demoted = sorted((raised & acting) - spared) + _developers(session, raised)
    vouched = _vouched(session, made)
    for user_id in demoted:
        users.set_role(user_id, "user")
    for user_id in stopped:
        users.disable(user_id)
    for user_id in vouched:
        addresses.set_email_verified(user_id, False)
    return len(demoted) + len(stopped) + len(vouched)


def _administered(session: Session, owner: User) -> bool:
    """Whether somebody is an administrator, or was: nobody else's credentials gave roles, so administrators go on."""
    told = (AuditEvent.target == f"user:{owner.id}", AuditEvent.type.in_(("user.created", "user.updated")))
    roles_given = session.scalars(select(AuditEvent.data["role"].as_string()).where(*told).distinct())
    return owner.is_admin or roles.ADMIN in roles_given.all()


def _end_things(session: Session, owner: User | None, made: _Made, because: str) -> int:
    lasting = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > clock.now())
    keys = (ApiKey.revoked_at.is_(None), lasting)
    # The maker's name stands at a secret and at a registration token. Whosever the app is: administrators' credentials
    # reach everybody's and the installation's.
    lately = or_(_own_app(made), ClientSecret.created_at >= made.since)
    secrets = (ClientSecret.revoked_at.is_(None), _live_app(), lately)
    tokens = (RegistrationToken.revoked_at.is_(None),)
    clients = (Client.deleted_at.is_(None), Client.disabled_at.is_(None))
    hooks = (WebhookEndpoint.deleted_at.is_(None), WebhookEndpoint.stopped_at.is_(None))
    return sum(
        (
            _each(session, ApiKey.id, ApiKey.id, made.keys, keys,
                  lambda id: api_keys.revoke(None, id, because=because)),
            _each(session, RegistrationToken.id, RegistrationToken.created_by, made.actors, tokens,
                  registration_tokens.revoke),
            _each(session, ClientSecret.id, ClientSecret.created_by, made.actors, secrets,
                  lambda id: endings.end_secret(None, id, because)),
            _each(session, Client.id, Client.id, made.clients, clients, lambda id: _stop(session, owner, id)),
            _each(session, WebhookEndpoint.id, WebhookEndpoint.id, made.webhooks, hooks,
                  lambda id: webhook_endpoints.switch(None, id, on=False)),
            _each(session, ClientTransfer.client_id, ClientTransfer.offered_with, made.actors, (),
                  lambda id: transfers.take_back(None, id)),
        )
    )  # fmt: skip


def _own_app(made: _Made) -> ColumnElement[bool]:
    if made.owner_id is None:
        return false()
    return ClientSecret.client_id.in_(select(Client.id).where(Client.owner_id == made.owner_id))


def _live_app() -> ColumnElement[bool]:
    return ClientSecret.client_id.in_(select(Client.id).where(Client.deleted_at.is_(None)))


def _each(
    session: Session,
    id: InstrumentedAttribute[str],
    by: InstrumentedAttribute[Any],
    these: Collection[str],
    which: tuple[ColumnElement[bool], ...],
    verb: Callable[[str], Any],
) -> int:
    found = session.scalars(select(id).where(id_sets.among(by, these), *which).order_by(id)).all()
    for each in found:
        verb(each)
    return len(found)


def _stop(session: Session, owner: User | None, client_id: str) -> None:
    """Its owner may switch it on again; another's app, which an administrator's credential changed, administrators."""
    whose = session.scalar(select(Client.owner_id).where(Client.id == client_id))
    by = owner if owner is not None and owner.id == whose else None
    endings.disable(by, client_id)
    endings.revoke_tokens(by, client_id)


def _made_by(session: Session, made: _Made) -> _Made:
    """Followed from maker to made: a key makes keys, and an app acts for whoever owns it."""
    latest = set(made.actors)
    while latest:
        before = set(made.actors)
        moved = _moved(session, latest)
        for event in _events(session, latest, *_MAKING):
            if event.seq > moved.get(event.actor, 0) and _counts(made, event):
                _add(made, event)
        latest = made.actors - before
    return made


_AT_ONCE = 500


def _events(session: Session, actors: Collection[str], *types: str) -> Iterable[Any]:
    """A few in memory at a time: a credential's of a month may be hundreds of thousands."""
    told = (id_sets.among(AuditEvent.actor, actors), AuditEvent.type.in_(types))
    columns = (
        AuditEvent.seq, AuditEvent.at_us, AuditEvent.type, AuditEvent.actor, AuditEvent.target, AuditEvent.owner_id,
        AuditEvent.data,
    )  # fmt: skip
    wanted = select(*columns).where(*told)
    return session.execute(wanted.execution_options(yield_per=_AT_ONCE))


def _moved(session: Session, actors: Collection[str]) -> dict[str, int]:
    """The event after which each app acts for who owns it now; without those that never changed hands."""
    moved = (
        id_sets.among(AuditEvent.target, actors),
        AuditEvent.type.in_(("client.transferred", "client.handed_over")),
    )
    last = select(AuditEvent.target, func.max(AuditEvent.seq)).where(*moved).group_by(AuditEvent.target)
    return {row.target: row[1] for row in session.execute(last)}


def _raised(session: Session, made: _Made) -> set[str]:
    """Whom they gave a role that reaches further than anybody's."""
    return _people_of(
        session, made, "user.created", "user.updated", which=lambda each: each.data.get("role", "user") != "user"
    )


def _let_in(session: Session, made: _Made) -> set[str]:
    """Whom they let in again who had been stopped, and who is in still."""
    ids = _people_of(session, made, "user.enabled", "user.restored")
    return set(session.scalars(select(User.id).where(id_sets.among(User.id, ids), User.disabled_at.is_(None))))


def _vouched(session: Session, made: _Made) -> list[str]:
    """Whose address they said to be theirs, where it still counts."""
    ids = _people_of(session, made, "user.updated", which=empowered.is_vouching)
    vouched = (id_sets.among(User.id, ids), User.email_verified_at.is_not(None), User.deleted_at.is_(None))
    return list(session.scalars(select(User.id).where(*vouched).order_by(User.id)))


def _people_of(
    session: Session, made: _Made, *types: str, which: Callable[[Any], bool] = lambda _event: True
) -> set[str]:
    events = _events(session, made.actors, *types)
    return {each.target.partition(":")[2] for each in events if which(each) and _counts(made, each)}


def _counts(made: _Made, event: Any) -> bool:
    """Whether it was done to what is the owner's, or lately; what was not is remembered as left."""
    own = made.owner_id is not None and event.owner_id == made.owner_id
    if not own and event.at_us < made.since * 1_000_000:
        made.left.add(event.target)
        return False
    return True


def _developers(session: Session, ids: set[str]) -> list[str]:
    found = session.scalars(select(User.id).where(User.id.in_(ids), User.role == roles.DEVELOPER).order_by(User.id))
    return list(found)


def _add(made: _Made, event: Any) -> None:
    kind, _, id = event.target.partition(":")
    if kind == "key":
        new = str(event.data["successor"]) if event.type == "api_key.rotated" else id
        made.keys.add(new)
        made.actors.add(f"key:{new}")
    elif kind == "webhook":
        made.webhooks.add(id)
    elif event.type == "client.created" or privileges.REACH.intersection(event.data["changed"]):
        made.clients.add(id)
        made.actors.add(f"client:{id}")
