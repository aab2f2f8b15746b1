"""Lists of clients for people: whose, how many, used when, by how many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from authserver import database
from authserver.lib import clock
from authserver.models import Client, ClientSecret, Grant, User

RESTORABLE_SECONDS = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a list of clients."""

    client: Client
    owner_email: str | None
    owner_name: str | None
    owner_disabled: bool
    last_used_at: int | None  # of its newest secret or grant


def owned_by(
    user: User | None, *, search: str = "", status: str = "", kind: str = "", page: int = 1, limit: int = 20
) -> tuple[list[Listed], int]:
    """A page of somebody's clients, newest first, and how many there are; None lists everybody's.

    `status` is active, disabled or deleted; empty means those not deleted.
    """
    conditions = [] if user is None else [Client.owner_id == user.id]
    conditions += _STATUS[status if status in _STATUS else ""]()
    if kind:
        conditions.append(Client.kind == kind)
    if search:
        pattern = "%" + search.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        conditions.append(
            func.lower(Client.name).like(pattern, escape="\\") | func.lower(Client.id).like(pattern, escape="\\")
        )
    with database.reading() as session:
        total = session.scalar(select(func.count()).select_from(Client).where(*conditions)) or 0
        rows = session.execute(
            select(Client, User.email, User.name, User.disabled_at)
            .outerjoin(User, User.id == Client.owner_id)
            .where(*conditions)
            .order_by(Client.created_at.desc(), Client.id)
            .limit(limit)
            .offset((page - 1) * limit)
        ).all()
        used = _last_used(session, [row[0].id for row in rows])
    return [
        Listed(client, email, name, disabled is not None, used.get(client.id)) for client, email, name, disabled in rows
    ], total


_STATUS: dict[str, Any] = {
    "": lambda: [Client.deleted_at.is_(None)],
    "active": lambda: [Client.deleted_at.is_(None), Client.disabled_at.is_(None)],
    "disabled": lambda: [Client.deleted_at.is_(None), Client.disabled_at.is_not(None)],
    "deleted": lambda: [Client.deleted_at >= clock.now() - RESTORABLE_SECONDS],
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What stops if a client stops: live sign-ins and the people behind them."""

    grants: int
    people: int
    last_used_at: int | None


def standing(client_id: str) -> Standing:
    """How many live sign-ins and people a client has."""
    with database.reading() as session:
        grants, people = session.execute(
            select(func.count(), func.count(func.distinct(Grant.user_id))).where(*live(client_id))
        ).one()
        used = _last_used(session, [client_id])
    return Standing(grants, people, used.get(client_id))


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


def _last_used(session: Session, ids: Sequence[str]) -> dict[str, int]:
    used: dict[str, int] = {}
    for table in (ClientSecret, Grant):
        for client_id, at in session.execute(
            select(table.client_id, func.max(table.last_used_at))
            .where(table.client_id.in_(ids))
            .group_by(table.client_id)
        ):
            if at is not None:
                used[client_id] = max(at, used.get(client_id, 0))
    return used
