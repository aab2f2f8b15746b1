"""Links that prove something once; only their digest is stored (contract.md 11.30)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from authserver import config, database
from authserver.domain.ground import id_sets, makers, person_locks
from authserver.errors import NotFound
from authserver.lib import clock, secrets
from authserver.models import OneTimeLink, User

DAY = 86_400
# purpose: (seconds it lives, where it leads)
PURPOSES = {
    "welcome": (DAY, "/welcome/"),
    "sign_in": (DAY, "/welcome/"),
    "reset": (30 * 60, "/password/reset/"),
    "not_me": (7 * DAY, "/this-was-not-me/"),
}
DEAD = "This link has expired or was used before."


@dataclass(frozen=True, slots=True)
class Found:
    """A link that is good right now, and whose it is."""

    purpose: str
    user: User
    expires_at: int
    made_at: int = 0
    mailed: bool = False


def make(
    session: Session, user: User, purpose: str, *, lifetime: int | None = None, mailed: bool = False, made_by: str = ""
) -> str:
    """A new link, as the whole URL under the configured issuer; its token is stored nowhere.

    `mailed`: it goes to the person's address and to nobody else, so that whoever uses it has that address. `made_by`,
    as the audit log names actors: who gets to see it, and opens the account with an administrator's authority.
    """
    seconds, path = PURPOSES[purpose]
    token, now = secrets.random_token(), clock.now()
    session.add(
        OneTimeLink(
            digest=secrets.digest(token),
            purpose=purpose,
            user_id=user.id,
            email=user.email,
            mailed=mailed,
            made_by=made_by,
            created_at=now,
            expires_at=now + (lifetime or seconds),
        )
    )
    return f"{config.current().issuer}{path}{token}"


def look(token: str, *purposes: str) -> Found:
    """What a link is for, without using it up; raises NotFound for one that is dead."""
    with database.reading() as session:
        found = session.execute(
            select(OneTimeLink, User)
            .join(User, User.id == OneTimeLink.user_id)
            .where(
                OneTimeLink.digest == secrets.digest(token),
                OneTimeLink.purpose.in_(purposes),
                OneTimeLink.used_at.is_(None),
                OneTimeLink.expires_at > clock.now(),
                OneTimeLink.email == User.email,
                User.disabled_at.is_(None),
            )
        ).one_or_none()
        if found is None or not makers.stands(session, found[0].made_by, found[0].created_at):
            raise NotFound(DEAD)
    row, user = found
    return Found(row.purpose, user, row.expires_at, row.created_at, row.mailed)


def spend(session: Session, token: str, *purposes: str) -> User:
    """Use a link up, by one statement of which only one of two succeeds; raises NotFound for one that is dead."""
    columns = (OneTimeLink.user_id, OneTimeLink.made_by, OneTimeLink.created_at)
    made = select(*columns).where(OneTimeLink.digest == secrets.digest(token))
    if (link := session.execute(made).one_or_none()) is None:
        raise NotFound(DEAD)
    person_locks.take(session, link.user_id)
    user_id = session.scalar(
        update(OneTimeLink)
        .where(
            OneTimeLink.digest == secrets.digest(token),
            OneTimeLink.purpose.in_(purposes),
            OneTimeLink.used_at.is_(None),
            OneTimeLink.expires_at > clock.now(),
            OneTimeLink.email == select(User.email).where(User.id == OneTimeLink.user_id).scalar_subquery(),
        )
        .values(used_at=clock.now())
        .returning(OneTimeLink.user_id),
        execution_options={"synchronize_session": False},
    )
    user = session.get(User, user_id) if user_id else None
    if user is None or user.disabled_at is not None or not makers.stands(session, link.made_by, link.created_at):
        raise NotFound(DEAD)
    return user


def made_at(session: Session, token: str) -> int:
    """When a link was made (epoch seconds), good or not; 0 for none."""
    made = select(OneTimeLink.created_at).where(OneTimeLink.digest == secrets.digest(token))
    return session.scalar(made) or 0


def end(digest: bytes) -> None:
    """Make one unused link useless, by its digest."""
    with database.transaction() as session:
        dead = update(OneTimeLink).where(OneTimeLink.digest == digest, OneTimeLink.used_at.is_(None))
        session.execute(dead.values(used_at=clock.now()), execution_options={"synchronize_session": False})


def kill_made_by(session: Session, by: Collection[str]) -> None:
    """Make useless what these, as the audit log names actors, handed to others."""
    dead = update(OneTimeLink).where(id_sets.among(OneTimeLink.made_by, by), OneTimeLink.used_at.is_(None))
    session.execute(dead.values(used_at=clock.now()), execution_options={"synchronize_session": False})


def kill(session: Session, user_id: str, *purposes: str) -> None:
    """Make a person's unused links of these purposes useless."""
    session.execute(
        update(OneTimeLink)
        .where(OneTimeLink.user_id == user_id, OneTimeLink.purpose.in_(purposes), OneTimeLink.used_at.is_(None))
        .values(used_at=clock.now()),
        execution_options={"synchronize_session": False},
    )
