"""Whose a client is: who sees and changes it, and how many one person may have."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.clients import directory as client_directory
from authserver.domain.ground import person_locks
from authserver.errors import Invalid, NotFound
from authserver.lib import clock
from authserver.models import Client, User

MAX_PER_OWNER = 100


def visible_to(user: User, client_id: str, *, deleted: bool = False) -> Client:
    """The row, for its owner and for administrators. Raises NotFound for everybody else, as for an unknown id."""
    with database.reading() as session:
        row = session.get(Client, client_id)
    return _require_visible(row, user, deleted=deleted)


def locked(session: Session, by: User | None, client_id: str, *, deleted: bool = False) -> Client:
    """The row, locked, for its owner, administrators and the command line (None). Raises NotFound.

    Whoever acts is locked first: what they do is there before all that they did is ended, or after it.
    """
    if by is not None:
        person_locks.take(session, by.id)
    row = session.scalar(select(Client).where(Client.id == client_id).with_for_update(key_share=True))
    return _require_visible(row, by, deleted=deleted)


def count_owned(session: Session, owner_id: str) -> int:
    """How many apps a person has."""
    owned = select(func.count()).select_from(Client).where(Client.owner_id == owner_id, Client.deleted_at.is_(None))
    return session.scalar(owned) or 0


def require_room(session: Session, owner_id: str) -> None:
    """Refuse one app more than a person may have, who is locked before any app is. Raises Invalid."""
    person_locks.take(session, owner_id)  # two at once do not both find room
    if count_owned(session, owner_id) >= MAX_PER_OWNER:
        raise Invalid(f"You have {MAX_PER_OWNER} apps, which is the limit. Delete one that you no longer need.")


def hold(session: Session, owner_id: str, *, with_room: bool) -> None:
    """Lock who gets an app, before any app is; `with_room`: and refuse one too many. Raises Invalid."""
    if with_room:
        require_room(session, owner_id)
    else:
        person_locks.take(session, owner_id)


def is_trusted(by: User | None) -> bool:
    """Whether somebody gives what only administrators and the command line (None) give (contract 11.3)."""
    return by is None or by.is_admin


def hand(by: User | None, row: Client) -> str:
    """Whose hand stops a client: `admin` or `owner`, so that an owner does not undo what an administrator did."""
    return "admin" if by is None or (by.is_admin and by.id != row.owner_id) else "owner"


def _require_visible(row: Client | None, user: User | None, *, deleted: bool) -> Client:
    if row is None or (user is not None and not user.is_admin and row.owner_id != user.id):
        raise NotFound("There is no such app.")
    gone = row.deleted_at is not None
    if gone != deleted or (row.deleted_at or clock.now()) < clock.now() - client_directory.RESTORABLE_SECONDS:
        raise NotFound("There is no such app.")
    return row
