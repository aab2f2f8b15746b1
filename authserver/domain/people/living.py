"""People who are not deleted: nothing else of a deleted person changes but by restoring them (contract 11.38)."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.ground import person_locks
from authserver.domain.record import audit
from authserver.errors import Conflict, NotFound
from authserver.models import User

RESTORABLE = 7 * 86_400  # seconds for which a deleted person can be brought back


def locked(session: Session, user_id: str) -> User:
    """The row, locked. Raises NotFound, and Conflict for a deleted person: nothing changes but by restoring them."""
    user = person_locks.take(session, user_id)
    if user is None:
        raise NotFound("There is no such person.")
    require(user)
    return user


def require(user: User) -> None:
    """Raise Conflict for a deleted person."""
    if user.deleted_at is not None:
        raise Conflict("This person is deleted. Restore them first.")


def get(user_id: str) -> User:
    """The person, for reading. Raises NotFound, Conflict."""
    with database.reading() as session:
        user = session.get(User, user_id)
    if user is None:
        raise NotFound("There is no such person.")
    require(user)
    return user


def change(user_id: str, values: dict[str, Any], **data: Any) -> None:
    """Write columns of a person; `data` is what the event says. Raises NotFound, Conflict."""
    with database.transaction() as session:
        user = locked(session, user_id)
        for name, value in values.items():
            setattr(user, name, value)
        audit.record(session, "user.updated", target=f"user:{user_id}", owner_id=user_id, **data)
