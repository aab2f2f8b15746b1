"""What an administrator gave to others, and changed of others, since a moment.

A thief who had their browser for a while comes back by it: as an account that was made, by a link that was kept, with
the secret of somebody else's app.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Select, literal, select
from sqlalchemy.orm import Session

from authserver.domain.access import roles
from authserver.domain.clients import privileges, registration_tokens
from authserver.domain.ground import one_time_links
from authserver.domain.people import addresses, users
from authserver.lib import clock
from authserver.models import AuditEvent, Client, ClientSecret, OneTimeLink, RegistrationToken, User

KINDS = {
    "person": "Account",
    "role": "Role of an account",
    "link": "One-time link",
    "registration": "Registration token",
    "vouched": "Address vouched for",
    "address": "Another address for the account",
    "setting": "Setting of everybody's",
}
# To end what is other people's takes a fresh proof on a page.
OF_PEOPLE = ("person", "role", "vouched")
# What came of these cannot be undone from here: what was said is to be looked at.
LASTING = ("address", "setting")
# Whoever was stopped, and is let in again, is in like somebody new.
LET_IN = ("user.created", "user.enabled", "user.restored")
# What keys, apps and proxies may do by it, of everybody: there is no other state to go back to but by hand.
SETTINGS = (
    "client.unblocked", "permission.updated", "resource.created", "resource.updated", "route_table.updated",
    "scope.created", "scope.updated",
)  # fmt: skip
_OF_CREDENTIALS = (
    "api_key.created", "api_key.updated", "api_key.rotated", "client.created", "client.updated",
    "client.secret_rotated", "client.enabled", "client.restored",
)  # fmt: skip
_AGAIN = ("client.created", "client.enabled", "client.restored")
OTHERS = "app of others"
Found = tuple[str, str, str, int]
"""Kind, id, name, and when (epoch seconds)."""


def actors(session: Session, user: User, moment: int) -> tuple[str, ...]:
    """As whom an account did something since then, as the audit log names it: its person, and for an administrator
    the keys and apps that were made, changed or ended since, which act with their authority.
    """
    own = f"user:{user.id}"
    if not _acts_for_others(user):
        return (own,)
    told = (
        AuditEvent.owner_id == user.id,
        AuditEvent.at_us >= moment * 1_000_000,
        AuditEvent.type.in_(_OF_CREDENTIALS),
    )
    found: set[str] = set()
    for target, data in session.execute(select(AuditEvent.target, AuditEvent.data).where(*told)):
        found |= {target, f"key:{data['successor']}"} if "successor" in data else {target}
    return (own, *sorted(found))


def acts(session: Session, user: User, moment: int, who: Collection[str], *more: str) -> Sequence[AuditEvent]:
    """What `who` did since then to others, and events of the types `more`, oldest first; one statement."""
    types = (*more, *LET_IN, "user.updated", "client.updated", *_AGAIN, *SETTINGS) if _acts_for_others(user) else more
    return session.scalars(_events(who, moment, *types)).all()


def looks(
    user: User, moment: int, who: Collection[str], done: Sequence[AuditEvent]
) -> list[Select[str, str, str, int]]:
    """Selections of kind, id, name and moment, of what stands in one row each: all but `links` and `people`."""
    found = [_registration_tokens(who, moment)]
    if _acts_for_others(user):
        found += [_secrets_of_others(user, who, moment), _apps_of_others(user, changed_apps(done))]
    return found


def links(session: Session, who: Collection[str], moment: int) -> Iterator[Found]:
    """One-time links that they were told, and that still open an account."""
    alive = (OneTimeLink.used_at.is_(None), OneTimeLink.expires_at > clock.now())
    made = select(OneTimeLink.digest, OneTimeLink.created_at, User.email).join(User, User.id == OneTimeLink.user_id)
    theirs = (OneTimeLink.made_by.in_(who), OneTimeLink.created_at >= moment)
    for row in session.execute(made.where(*theirs, *alive)):
        yield "link", row.digest.hex(), row.email, row.created_at


def people(session: Session, user: User, done: Sequence[AuditEvent]) -> Iterator[Found]:
    """Accounts that were made or let in again, which are disabled; roles that were given and addresses that were
    vouched for, which are taken back; and other addresses.
    """
    made, moved = _made_and_moved(done)
    vouched = {event.target.partition(":")[2]: event.at_us // 1_000_000 for event in done if is_vouching(event)}
    ids = {target.partition(":")[2] for target in made} | moved.keys() | vouched.keys()
    if not ids or not _acts_for_others(user):
        return
    for person in session.scalars(select(User).where(User.id.in_(ids), User.id != user.id)):
        event = made.get(f"user:{person.id}")
        if event is not None and person.disabled_at is None:
            if event.type in LET_IN:
                yield "person", person.id, person.email, event.at_us // 1_000_000
            elif person.role != roles.USER:
                yield "role", person.id, person.email, event.at_us // 1_000_000
        if person.id in moved:
            yield "address", person.id, person.email, moved[person.id]
        if person.id in vouched and person.email_verified_at is not None:
            yield "vouched", person.id, person.email, vouched[person.id]


def settings(user: User, done: Sequence[AuditEvent]) -> Iterator[Found]:
    """What of the installation's own settings was changed, the last time each."""
    if _acts_for_others(user):
        last = {event.target: event for event in done if event.type in SETTINGS}
        for target, event in last.items():
            name = str(event.data.get("name") or target.partition(":")[2])
            yield "setting", target, name, event.at_us // 1_000_000


def is_vouching(event: Any) -> bool:
    """Whether an event says that an address is somebody's: apps link accounts by it."""
    return event.type == "user.updated" and event.data.get("email_verified") is True


def changed_apps(done: Sequence[AuditEvent]) -> dict[str, int]:
    """When apps were led elsewhere, got other keys or may do more, or were let go on; by id, the last time."""
    return {
        str(event.client_id): event.at_us // 1_000_000
        for event in done
        if event.type in _AGAIN
        or (event.type == "client.updated" and privileges.REACH.intersection(event.data.get("changed", ())))
    }


def _made_and_moved(done: Sequence[AuditEvent]) -> tuple[dict[str, AuditEvent], dict[str, int]]:
    made: dict[str, AuditEvent] = {}
    moved: dict[str, int] = {}
    for event in done:
        raised = event.type == "user.updated" and event.data.get("role", roles.USER) != roles.USER
        if event.type in LET_IN or (raised and event.target not in made):
            made[event.target] = event
        elif event.type == "user.updated" and event.data.get("changed") == ["email"]:
            moved[event.target.partition(":")[2]] = event.at_us // 1_000_000
    return made, moved


def _acts_for_others(user: User) -> bool:
    return user.is_admin and user.disabled_at is None


def _registration_tokens(who: Collection[str], moment: int) -> Select[str, str, str, int]:
    made = (RegistrationToken.created_by.in_(who), RegistrationToken.created_at >= moment)
    alive = (RegistrationToken.revoked_at.is_(None), RegistrationToken.expires_at > clock.now())
    token = RegistrationToken
    return select(literal("registration"), token.id, token.hint, token.created_at).where(*made, *alive)


def _secrets_of_others(user: User, who: Collection[str], moment: int) -> Select[str, str, str, int]:
    made = (ClientSecret.created_by.in_(who), ClientSecret.created_at >= moment)
    alive = (ClientSecret.revoked_at.is_(None), Client.deleted_at.is_(None), Client.owner_id.is_distinct_from(user.id))
    wanted = select(literal("secret"), ClientSecret.id, Client.name, ClientSecret.created_at)
    return wanted.join(Client, Client.id == ClientSecret.client_id).where(*made, *alive)


def _apps_of_others(user: User, changed: Collection[str]) -> Select[str, str, str, int]:
    going = (Client.disabled_at.is_(None), Client.deleted_at.is_(None), Client.owner_id.is_distinct_from(user.id))
    wanted = select(literal(OTHERS), Client.id, Client.name, Client.updated_at)
    return wanted.where(Client.id.in_(changed), *going)


def _events(who: Collection[str], moment: int, *types: str) -> Any:
    told = (AuditEvent.actor.in_(who), AuditEvent.at_us >= moment * 1_000_000)
    return select(AuditEvent).where(*told, AuditEvent.type.in_(types)).order_by(AuditEvent.seq)


END: dict[str, Any] = {
    "person": lambda _user, id: users.disable(id),
    "role": lambda _user, id: users.set_role(id, roles.USER),
    "vouched": lambda _user, id: addresses.set_email_verified(id, False),
    "link": lambda _user, id: one_time_links.end(bytes.fromhex(id)),
    "registration": lambda _user, id: registration_tokens.revoke(id),
}
