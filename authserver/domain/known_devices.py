"""Browsers that signed an account in before."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from authserver import database
from authserver.lib import clock
from authserver.models import KnownDevice, User


def knows(email: str, device: bytes) -> bool:
    """Whether this browser signed the account of this address in before; the same one statement for every name."""
    with database.reading() as session:
        found = session.scalar(
            select(KnownDevice.user_id)
            .join(User, User.id == KnownDevice.user_id)
            .where(KnownDevice.digest == device, User.email == email)
        )
    return found is not None


def remember(session: Session, user_id: str, device: bytes) -> bool:
    """Remember a browser after a proof of who it is; whether it is new to an account that has others."""
    others = session.scalars(select(KnownDevice.digest).where(KnownDevice.user_id == user_id)).all()
    insert = sqlite.insert if database.dialect() == "sqlite" else postgresql.insert
    statement = insert(KnownDevice).values(digest=device, user_id=user_id, seen_at=clock.now())
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[KnownDevice.digest, KnownDevice.user_id], set_={"seen_at": clock.now()}
        )
    )
    return bool(others) and device not in others


def forget_all(session: Session, user_id: str) -> None:
    """Treat every browser of this person as unknown again."""
    session.execute(delete(KnownDevice).where(KnownDevice.user_id == user_id))
