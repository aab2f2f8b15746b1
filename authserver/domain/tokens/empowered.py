"""What an administrator gave to others, and changed of others, since a moment.

A thief who had their browser for a while comes back by it: as an account that was made, by a link that was kept, with
the secret of somebody else's app.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from authserver.domain.access import roles
from authserver.domain.clients import privileges, registration_tokens
from authserver.domain.ground import one_time_links
from authserver.domain.people import users
from authserver.lib import clock
from authserver.models import AuditEvent, Client, ClientSecret, OneTimeLink, RegistrationToken, User

KINDS = {
    "person": "Account",
    "role": "Role of an account",
    "link": "One-time link",
    "registration": "Registration token",
    "address": "Another address for the account",
}
# To end what is other people's takes a fresh proof on a page.
OF_PEOPLE = ("person", "role")
# What came of these cannot be undone from here: what was said is to be looked at.
LASTING = ("address",)
_AGAIN = ("client.created", "client.enabled", "client.restored")
Found = tuple[str, str, str, int]
"""Kind, id, name, and when (epoch seconds)."""


def since(session: Session, user: User, moment: int) -> Iterator[Found]:
    """What still stands of it; of other people and their apps only while they are an administrator themselves."""
    yield from _links(session, user, moment)
    yield from _registration_tokens(session, user, moment)
    if user.is_admin and user.disabled_at is None:
        yield from _people(session, user, moment)
        yield from _secrets_of_others(session, user, moment)
        yield from _apps_of_others(session, user, moment)


def _links(session: Session, user: User, moment: int) -> Iterator[Found]:
    alive = (OneTimeLink.used_at.is_(None), OneTimeLink.expires_at > clock.now())
    made = select(OneTimeLink.digest, OneTimeLink.created_at, User.email).join(User, User.id == OneTimeLink.user_id)
    theirs = (OneTimeLink.made_by == _as_actor(user), OneTimeLink.created_at >= moment)
    for row in session.execute(made.where(*theirs, *alive)):
        yield "link", row.digest.hex(), row.email, row.created_at


def _registration_tokens(session: Session, user: User, moment: int) -> Iterator[Found]:
    made = (RegistrationToken.created_by == _as_actor(user), RegistrationToken.created_at >= moment)
    alive = (RegistrationToken.revoked_at.is_(None), RegistrationToken.expires_at > clock.now())
    for row in session.scalars(select(RegistrationToken).where(*made, *alive)):
        yield "registration", row.id, row.hint, row.created_at


def _people(session: Session, user: User, moment: int) -> Iterator[Found]:
    """Accounts that were made, which are disabled; and roles that were given, which are taken."""
    made: dict[str, AuditEvent] = {}
    moved: dict[str, int] = {}
    for event in session.scalars(_events(user, moment, "user.created", "user.updated")):
        raised = event.data.get("role", roles.USER) != roles.USER
        if event.type == "user.created" or (raised and event.target not in made):
            made[event.target] = event
        elif event.data.get("changed") == ["email"]:
            moved[event.target.partition(":")[2]] = event.at_us // 1_000_000
    people = select(User).where(User.id.in_([target.partition(":")[2] for target in made]), User.id != user.id)
    for person in session.scalars(people.where(User.disabled_at.is_(None))):
        event = made[f"user:{person.id}"]
        if event.type == "user.created":
            yield "person", person.id, person.email, event.at_us // 1_000_000
        elif person.role != roles.USER:
            yield "role", person.id, person.email, event.at_us // 1_000_000
    for person in session.scalars(select(User).where(User.id.in_(moved), User.id != user.id)):
        yield "address", person.id, person.email, moved[person.id]


def _secrets_of_others(session: Session, user: User, moment: int) -> Iterator[Found]:
    made = (ClientSecret.created_by == _as_actor(user), ClientSecret.created_at >= moment)
    alive = (ClientSecret.revoked_at.is_(None), Client.deleted_at.is_(None), Client.owner_id.is_distinct_from(user.id))
    wanted = select(ClientSecret.id, ClientSecret.created_at, Client.name).join(Client)
    for row in session.execute(wanted.where(*made, *alive)):
        yield "secret", row.id, row.name, row.created_at


def _apps_of_others(session: Session, user: User, moment: int) -> Iterator[Found]:
    """Those that lead elsewhere now, have other keys or may do more; and those that were stopped and go on."""
    changed = {
        event.client_id: event.at_us // 1_000_000
        for event in session.scalars(_events(user, moment, "client.updated", *_AGAIN))
        if event.type in _AGAIN or privileges.GUARDED.intersection(event.data.get("changed", ()))
    }
    going = (Client.disabled_at.is_(None), Client.deleted_at.is_(None), Client.owner_id.is_distinct_from(user.id))
    for row in session.scalars(select(Client).where(Client.id.in_(changed), *going)):
        yield "app", row.id, row.name, changed[row.id]


def _events(user: User, moment: int, *types: str) -> Any:
    told = (AuditEvent.actor == _as_actor(user), AuditEvent.at_us >= moment * 1_000_000)
    return select(AuditEvent).where(*told, AuditEvent.type.in_(types)).order_by(AuditEvent.seq)


def _as_actor(user: User) -> str:
    return f"user:{user.id}"


END: dict[str, Any] = {
    "person": lambda _user, id: users.disable(id),
    "role": lambda _user, id: users.set_role(id, roles.USER),
    "link": lambda _user, id: one_time_links.end(bytes.fromhex(id)),
    "registration": lambda _user, id: registration_tokens.revoke(id),
}
