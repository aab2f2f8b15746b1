"""Browsers that signed an account in before."""

from __future__ import annotations

import enum

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from authserver import database
from authserver.lib import clock
from authserver.models import KnownDevice, User


class Standing(enum.Enum):
    """What a browser is to an account: its first, one that signed it in before, or a new one beside others."""

    FIRST = "first"
    KNOWN = "known"
    NEW = "new"


def knows(email: str, device: bytes) -> bool:
    """Whether this browser signed the account of this address in before; the same one statement for every name."""
    with database.reading() as session:
        found = session.scalar(
            select(KnownDevice.user_id)
            .join(User, User.id == KnownDevice.user_id)
            .where(KnownDevice.digest == device, User.email_key == email)
        )
    return found is not None


def remember(session: Session, user_id: str, device: bytes) -> Standing:
    """Remember a browser after a proof of who it is; what it was to the account until now."""
    others = session.scalars(select(KnownDevice.digest).where(KnownDevice.user_id == user_id)).all()
    statement = database.insert(KnownDevice).values(digest=device, user_id=user_id, seen_at=clock.now())
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[KnownDevice.digest, KnownDevice.user_id], set_={"seen_at": clock.now()}
        )
    )
    if device in others:
        return Standing.KNOWN
    return Standing.NEW if others else Standing.FIRST


def forget_all(session: Session, user_id: str, *, but: bytes | None = None) -> None:
    """Treat every browser of this person as unknown again, save the one of whoever asks for it."""
    theirs = KnownDevice.user_id == user_id
    session.execute(
        delete(KnownDevice).where(theirs, KnownDevice.digest != but) if but else delete(KnownDevice).where(theirs)
    )
