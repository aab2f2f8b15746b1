"""What an app made for a person by tokens that they allowed it, and ending that with its access or its block.

The audit log says by which app's token a person made or changed something (`through`). What the keys and apps that came
of it made in their turn counts with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.access import roles
from authserver.domain.clients import blocked_apps, privileges
from authserver.domain.grants import connected_apps, consents
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
    "user.updated": "role",
}  # fmt: skip


def of(user: User, client_ids: Collection[str], since: int = 0) -> list[Made]:
    """What stands of what these apps made for a person, and can be ended, newest first; `since` in epoch seconds."""
    with database.reading() as session:
        events = _events(session, user, {f"client:{each}" for each in client_ids}, since)
        named = _named(session, events)
    if not events:
        return []
    # A row says when it was begun, its event when it was written, which may have waited.
    begun = min(each.at_us for each in events) // 1_000_000 - WAITED
    return [each for each in disowning.standing(user, begun) if each.ends and _is_one(each, named)]


def left(user: User) -> list[Made]:
    """The same of apps that are allowed nothing any more, or are gone for good."""
    with database.reading() as session:
        made = select(AuditEvent).where(AuditEvent.type.in_(acting.MAKING), AuditEvent.actor == f"user:{user.id}")
        through = {str(each.data.get(outbox.THROUGH, "")) for each in session.scalars(made)}
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


def _events(session: Session, user: User, through: Collection[str], since: int) -> list[AuditEvent]:
    """What was made through these, and what that made in its turn, from when it could."""
    own = (AuditEvent.actor == f"user:{user.id}", AuditEvent.at_us >= since * 1_000_000)
    made = select(AuditEvent).where(AuditEvent.type.in_(acting.MAKING)).order_by(AuditEvent.seq)
    found = [each for each in session.scalars(made.where(*own)) if each.data.get(outbox.THROUGH) in through]
    latest, known = _makers(found), dict[str, int]()
    while latest:
        known |= latest
        more = list(session.scalars(made.where(AuditEvent.actor.in_(latest))))
        more = [each for each in more if each.seq > known[each.actor]]
        found += more
        latest = {actor: seq for actor, seq in _makers(more).items() if actor not in known}
    return found


def _makers(events: Iterable[AuditEvent]) -> dict[str, int]:
    """What acts by itself because of these, and since which event: new keys, and apps that got a secret or led away."""
    found: dict[str, int] = {}
    for event in events:
        if event.type in _GIVING or _leads_away(event):
            found.setdefault(_credential(event), event.seq)
    return found


def _credential(event: AuditEvent) -> str:
    return f"key:{event.data['successor']}" if event.type == "api_key.rotated" else event.target


def _leads_away(event: AuditEvent) -> bool:
    return event.type == "client.updated" and bool(privileges.GUARDED.intersection(event.data.get("changed", ())))


def _named(session: Session, events: Sequence[AuditEvent]) -> set[str]:
    """What these events are about, in the words of `Made.reference`; a link by whose account it opens."""
    found = {each for event in events if (each := _reference(event))}
    rotated = [event for event in events if event.type == "client.secret_rotated"]
    for event in rotated:
        found |= _secrets(session, event.target.partition(":")[2], str(event.data.get("hint", "")))
    linked = {event.target.partition(":")[2] for event in events if event.type == "user.link_created"}
    emails = select(User.email).where(User.id.in_(linked))
    return found | {f"link:{each}" for each in (session.scalars(emails) if linked else ())}


def _reference(event: AuditEvent) -> str:
    if event.type.startswith("api_key."):
        return _credential(event)
    raises = event.type != "user.updated" or event.data.get("role", roles.USER) != roles.USER
    kind = "app" if _leads_away(event) else _KINDS.get(event.type) if raises else None
    return f"{kind}:{event.target.partition(':')[2]}" if kind else ""


def _secrets(session: Session, client_id: str, hint: str) -> set[str]:
    which = select(ClientSecret.id).where(ClientSecret.client_id == client_id, ClientSecret.hint == hint)
    return {f"secret:{each}" for each in session.scalars(which)}


def _is_one(made: Made, named: Collection[str]) -> bool:
    return (f"link:{made.name}" if made.kind == "link" else made.reference) in named
