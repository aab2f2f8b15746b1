"""One order of locks: whoever changes more than one row of somebody's locks that person first."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from authserver.models import User


def take(session: Session, user_id: str) -> User | None:
    """The person, locked until the transaction ends; None if there is none.

    Deleting somebody locks them, and then every row of theirs: who began with a row of theirs would wait for the
    person while the deletion waits for that row. `key_share`: rows that only refer to the person wait for nobody.
    """
    return session.scalar(select(User).where(User.id == user_id).with_for_update(key_share=True))
