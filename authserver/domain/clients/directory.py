"""Lists of clients for people: whose, how many, used when, by how many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from sqlalchemy import ColumnElement, func, literal, not_, or_, select
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.ground import lists, usage
from authserver.domain.ground.lists import Part, Rows
from authserver.lib import clock
from authserver.models import Client, ClientSecret, Grant, UsageCount, User

RESTORABLE_SECONDS = 7 * 86_400
SIGN_INS = 200


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a list of clients."""

    client: Client
    owner_email: str | None
    owner_name: str | None
    owner_disabled: bool
    last_used_at: int | None  # of its newest secret or grant


def owned_by(
    user: User | None, *, search: str = "", status: str = "", kind: str = "", **part: Unpack[Part]
) -> tuple[Rows[Listed], int]:
    """Somebody's clients, newest first, and how many there are, as `lists.read` counts; None lists everybody's.

    `status` is active, disabled or deleted; empty means those not deleted.
    """
    conditions = [] if user is None else [Client.owner_id == user.id]
    conditions += _STATUS[status if status in _STATUS else ""]()
    if kind:
        conditions.append((Client.kind if user is None else lists.unindexed(Client.kind)) == kind)
    if search:
        pattern = "%" + search.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        conditions.append(
            func.lower(Client.name).like(pattern, escape="\\") | func.lower(Client.id).like(pattern, escape="\\")
        )
    with database.reading() as session:
        wanted = (
            select(Client, User.email, User.name, User.disabled_at)
            .outerjoin(User, User.id == Client.owner_id)
            .where(*conditions)
        )
        rows, total = lists.read(session, wanted, by=(Client.created_at, Client.id), name="clients", part=part)
        used = _last_used(session, [row[0].id for row in rows])
    return rows.each(lambda row: Listed(row[0], row[1], row[2], row[3] is not None, used.get(row[0].id))), total


_STATUS: dict[str, Any] = {
    "": lambda: [Client.deleted_at.is_(None)],
    "active": lambda: [Client.deleted_at.is_(None), Client.disabled_at.is_(None)],
    "disabled": lambda: [Client.deleted_at.is_(None), Client.disabled_at.is_not(None)],
    "deleted": lambda: [Client.deleted_at.is_not(None), Client.deleted_at >= clock.now() - RESTORABLE_SECONDS],
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What stops if a client stops: live sign-ins, counted as `lists.count` does, and the people behind those."""

    grants: int
    people: int
    last_used_at: int | None

    @property
    def grants_told(self) -> str:
        """How many sign-ins, in words."""
        return lists.in_words(self.grants)

    @property
    def people_told(self) -> str:
        """How many people, in words: more where not all sign-ins were counted."""
        more = "+" if self.grants > lists.COUNTED >= self.people else ""
        return lists.in_words(self.people) + more


def standing(client_id: str) -> Standing:
    """How many live sign-ins and people a client has."""
    newest = select(Grant.user_id).where(*live(client_id)).order_by(Grant.created_at.desc(), Grant.id.desc())
    some = newest.limit(lists.COUNTED + 1).subquery()
    with database.reading() as session:
        grants, people = session.execute(select(func.count(), func.count(func.distinct(some.c.user_id)))).one()
        used = _last_used(session, [client_id])
    return Standing(grants, people, used.get(client_id))


def longest_lifetime(client_ids: Sequence[str], otherwise: int) -> int:
    """The longest life of an access token of one of these clients, in seconds; `otherwise` is that of the setting."""
    with database.reading() as session:
        lifetime = func.max(func.coalesce(Client.access_token_ttl, otherwise))
        return session.scalar(select(lifetime).where(Client.id.in_(client_ids))) or otherwise


def owner(owner_id: str | None) -> User | None:
    """The person who answers for a client."""
    if owner_id is None:
        return None
    with database.reading() as session:
        return session.get(User, owner_id)


def namesake_exists(client: Client) -> bool:
    """Whether another client has the same name: worth a warning, not a refusal."""
    with database.reading() as session:
        return session.scalar(
            select(func.count())
            .select_from(Client)
            .where(func.lower(Client.name) == client.name.lower(), Client.id != client.id, Client.deleted_at.is_(None))
        ) not in (0, None)


def live(client_id: str) -> list[Any]:
    """The conditions of a client's grants that still live."""
    return [Grant.client_id == client_id, Grant.revoked_at.is_(None), Grant.expires_at > clock.now()]


def restorable() -> ColumnElement[bool]:
    """The condition of a client that is there, or was deleted and can be brought back."""
    return or_(Client.deleted_at.is_(None), Client.deleted_at >= clock.now() - RESTORABLE_SECONDS)


def _last_used(session: Session, ids: Sequence[str]) -> dict[str, int]:
    """When clients were last used, by id; to the hour where neither a secret nor one of their SIGN_INS newest tells."""
    used: dict[str, int] = {}
    if ids:
        looks = [look for each in ids for look in _looks(each)]
        for client_id, at in session.execute(lists.together(looks)):
            used[client_id] = max(at, used.get(client_id, 0))
    return used


def _looks(client_id: str) -> tuple[lists.Wanted, ...]:
    who = literal(client_id).label("client_id")
    secrets = select(who, ClientSecret.last_used_at.label("at")).where(ClientSecret.client_id == client_id)
    newest = select(Grant.last_used_at.label("at")).where(Grant.client_id == client_id)
    some = newest.order_by(Grant.created_at.desc(), Grant.id.desc()).limit(SIGN_INS).subquery()
    subject = f"client:{client_id}"
    hours = select(who, UsageCount.hour.label("at")).where(
        UsageCount.subject == subject, UsageCount.metric == usage.TOKENS, not_(UsageCount.sample)
    )
    return (
        secrets.where(ClientSecret.last_used_at.is_not(None)).order_by(ClientSecret.last_used_at.desc()).limit(1),
        select(who, func.max(some.c.at).label("at")).having(func.max(some.c.at).is_not(None)),
        hours.order_by(UsageCount.hour.desc()).limit(1),
    )
