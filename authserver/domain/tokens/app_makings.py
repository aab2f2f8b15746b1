"""What an app made for a person by tokens that they allowed it, and ending that with its access or its block.

The audit log says by which app's token a person made or changed something (`through`). What the keys and apps that came
of it made in their turn counts with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.access import roles
from authserver.domain.clients import blocked_apps, privileges
from authserver.domain.grants import connected_apps, consents
from authserver.domain.ground import id_sets
from authserver.domain.people import users
from authserver.domain.record import acting, outbox
from authserver.domain.tokens import disowning, empowered
from authserver.domain.tokens.disowning import Made
from authserver.models import AuditEvent, Client, ClientSecret, Consent, Grant, User

WAITED = 3600
_GIVING = ("api_key.created", "api_key.rotated", "client.created", "client.secret_rotated")
_KINDS = {
    "client.created": "app", "client.enabled": "app", "client.restored": "app", "client.transfer_offered": "offer",
    "webhook.created": "webhook", "webhook.updated": "webhook", "webhook.enabled": "webhook",
    "webhook.secret_rotated": "webhook", "registration_token.created": "registration", "user.created": "person",
    "user.enabled": "person", "user.restored": "person", "user.updated": "role",
}  # fmt: skip


def of(user: User, client_ids: Collection[str], since: int = 0) -> list[Made]:
    """What stands of what these apps made for a person, and can be ended, newest first; `since` in epoch seconds."""
    with database.reading() as session:
        trail = _followed(session, user, {f"client:{each}" for each in client_ids}, since)
        named = _named(session, trail)
    if not trail.at_us:
        return []
    # A row says when it was begun, its event when it was written, which may have waited.
    begun = trail.at_us // 1_000_000 - WAITED
    return [each for each in disowning.standing(user, begun) if each.ends and _is_one(each, named)]


def left(user: User) -> list[Made]:
    """The same of apps that are allowed nothing any more, or are gone for good."""
    made = (AuditEvent.type.in_(acting.MAKING), AuditEvent.actor == f"user:{user.id}", _BY.is_not(None))
    with database.reading() as session:
        through = session.scalars(select(_BY).where(*made).distinct()).all()
    apps = {each.removeprefix("client:") for each in through if each.startswith("client:")}
    return of(user, apps.difference(connected_apps.connected_ids(user.id)))


def end_left(user: User, chosen: Collection[str]) -> int:
    """End those of `left` whose references are chosen; returns how many."""
    return disowning.end_found(user, lambda: left(user), chosen)


def withdraw(user: User, client_ids: Sequence[str], chosen: Collection[str], shown: Collection[str]) -> int:
    """Take everything back from apps, and end those of `of` whose references are chosen; returns how many of these.

    What was made since the person was `shown` the list ends, too: an app that makes on while they read keeps nothing
    by it. Not so accounts and roles of others, which end where they are chosen alone. All or nothing. Raises NotFound
    for an app that is allowed nothing.
    """
    with database.together():
        disowning.hold(user)
        for client_id in client_ids:
            consents.revoke(user.id, client_id)
        return _end_chosen(user, client_ids, chosen, shown)


def narrow(
    user: User, client_id: str, keep: Collection[str], chosen: Collection[str], shown: Collection[str]
) -> tuple[tuple[str, ...], int]:
    """The same where an app may `keep` a part of its scopes; returns what was taken back, and how many ended."""
    with database.together():
        disowning.hold(user)
        gone = consents.narrow(user.id, client_id, keep)
        return gone, _end_chosen(user, [client_id], chosen, shown)


def _end_chosen(user: User, client_ids: Sequence[str], chosen: Collection[str], shown: Collection[str]) -> int:
    def ending() -> list[Made]:
        return [each for each in of(user, client_ids) if each.reference in chosen or _is_new(each, shown)]

    return disowning.end_found(user, ending)


def _is_new(made: Made, shown: Collection[str]) -> bool:
    return made.reference not in shown and made.kind not in empowered.OF_PEOPLE


def end_all(user: User, client_ids: Collection[str], since: int = 0) -> int:
    """End all of it: for whoever has no list before them."""
    return disowning.end_found(user, lambda: of(user, client_ids, since))


def end_all_behind(grant: Grant | None) -> int:
    """The same of the app that got a token by this sign-in, for the person who signed in."""
    user = users.find(grant.user_id) if grant is not None else None
    return end_all(user, [grant.client_id]) if grant is not None and user is not None else 0


def end_all_of_blocked() -> int:
    """The same of apps that registered themselves and fall under a block now."""
    with database.reading() as session:
        which = select(Client).where(Client.self_registered.is_(True))
        blocked = [row.id for row in session.scalars(which) if blocked_apps.find(row, row.id)]
    return end_all_of(blocked)


def end_all_of(client_ids: Sequence[str]) -> int:
    """End what these apps made for anybody; returns how many.

    For each person by itself: a thousand of them are no one transaction. Doing it twice is no error.
    """
    with database.reading() as session:
        people = _people(session, client_ids)
    return sum(end_all(user, client_ids) for each in people if (user := users.find(each)) is not None)


def _people(session: Session, client_ids: Sequence[str]) -> list[str]:
    """Everybody who allows these apps something, or did."""
    allowed = select(Consent.user_id).where(Consent.client_id.in_(client_ids))
    held = select(Grant.user_id).where(Grant.client_id.in_(client_ids))
    return sorted(session.scalars(allowed.union(held)).all())


_BY = AuditEvent.data[outbox.THROUGH].as_string()


@dataclass(slots=True)
class _Trail:
    """What apps made, and what that made in its turn, as the audit log tells it: things and not events, for those have
    no end. `makers` is what acts by itself because of it, and since which event; `at_us` is when the first was made.
    """

    at_us: int = 0
    references: set[str] = field(default_factory=set)
    secrets: set[tuple[str, str]] = field(default_factory=set)
    linked: set[str] = field(default_factory=set)
    makers: dict[str, int] = field(default_factory=dict)

    def take(self, event: Any) -> None:
        """One more event."""
        id = event.target.partition(":")[2]
        self.at_us = min(self.at_us or event.at_us, event.at_us)
        self.references.add(_reference(event))
        if event.type == "client.secret_rotated":
            self.secrets.add((id, str(event.data.get("hint", ""))))
        if event.type == "user.link_created":
            self.linked.add(id)
        if event.type in _GIVING or _leads_away(event):  # new keys, and apps that got a secret or led away
            maker = _credential(event)
            self.makers[maker] = min(self.makers.get(maker, event.seq), event.seq)


def _followed(session: Session, user: User, through: Collection[str], since: int) -> _Trail:
    """What was made through these, and what that made in its turn, from when it could."""
    trail, done = _Trail(), set[str]()
    own = (AuditEvent.actor == f"user:{user.id}", AuditEvent.at_us >= since * 1_000_000, id_sets.among(_BY, through))
    for event in _events(session, *own):
        trail.take(event)
    while latest := trail.makers.keys() - done:
        done |= latest
        for event in _events(session, id_sets.among(AuditEvent.actor, latest)):
            if event.seq > trail.makers[event.actor]:
                trail.take(event)
    return trail


_AT_ONCE = 500


def _events(session: Session, *which: ColumnElement[bool]) -> Iterable[Any]:
    """A few in memory at a time: a person's changes of a month may be hundreds of thousands."""
    columns = (AuditEvent.seq, AuditEvent.at_us, AuditEvent.type, AuditEvent.actor, AuditEvent.target, AuditEvent.data)
    made = select(*columns).where(AuditEvent.type.in_(acting.MAKING), *which)
    return session.execute(made.execution_options(yield_per=_AT_ONCE))


def _credential(event: Any) -> str:
    return f"key:{event.data['successor']}" if event.type == "api_key.rotated" else str(event.target)


def _leads_away(event: Any) -> bool:
    return event.type == "client.updated" and bool(privileges.REACH.intersection(event.data.get("changed", ())))


def _named(session: Session, trail: _Trail) -> set[str]:
    """What the trail is about, in the words of `Made.reference`; a link by whose account it opens."""
    found = set(trail.references)
    apps = {client_id for client_id, _ in trail.secrets}
    alive = (id_sets.among(ClientSecret.client_id, apps), ClientSecret.revoked_at.is_(None))
    for row in session.execute(select(ClientSecret.id, ClientSecret.client_id, ClientSecret.hint).where(*alive)):
        found |= {f"secret:{row.id}"} if (row.client_id, row.hint) in trail.secrets else set()
    emails = session.scalars(select(User.email).where(id_sets.among(User.id, trail.linked)))
    return found | {f"link:{each}" for each in emails}


def _reference(event: Any) -> str:
    if event.type.startswith("api_key."):
        return _credential(event)
    raises = event.type != "user.updated" or event.data.get("role", roles.USER) != roles.USER
    kind = "app" if _leads_away(event) else _KINDS.get(event.type) if raises else None
    kind = "vouched" if empowered.is_vouching(event) else kind
    return f"{kind}:{event.target.partition(':')[2]}" if kind else ""


def _is_one(made: Made, named: Collection[str]) -> bool:
    return (f"link:{made.name}" if made.kind == "link" else made.reference) in named
