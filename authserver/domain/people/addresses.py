"""Addresses of people: which account has which, and whether it is known to be theirs (contract 11.47)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from authserver import database
from authserver.domain.ground import mails, one_time_links
from authserver.domain.people import living
from authserver.domain.record import audit
from authserver.errors import Conflict, Invalid
from authserver.lib import clock, durations, emails
from authserver.models import User
from authserver.observability import context


def set_email_verified(user_id: str, verified: bool) -> None:
    """Say for somebody that their address is theirs, or that it is not known to be. For administrators."""
    user = living.get(user_id)
    if (user.email_verified_at is not None) != verified:
        at = clock.now() if verified else None
        living.change(user_id, {"email_verified_at": at}, email_verified=verified)


def change_email(user_id: str, email: str) -> None:
    """Give an account another address; links made for the old one die, and it gets a mail. Raises Invalid, Conflict."""
    email = clean(email)
    try:
        with database.transaction() as session:
            user = living.locked(session, user_id)
            old = user.email
            if old == email:
                return
            user.email, user.person_updated_at = email, clock.now()
            user.email_verified_at = None  # nobody said so of this one (contract 11.47)
            session.flush()
            # Else they would work again for who gets the old address back, whoever read its mail meanwhile.
            one_time_links.kill(session, user_id, *one_time_links.PURPOSES)
            asked = context.current()
            mails.send(
                session, old, "email_changed", whose=user_id, name=user.name, at=clock.now(),
                ip=asked.ip or "unknown", new=email,
            )  # fmt: skip
            audit.record(session, "user.updated", target=f"user:{user_id}", owner_id=user_id, changed=["email"])
    except IntegrityError:
        raise taken(email) from None


def taken(email: str) -> Conflict:
    """The refusal of an address that an account has, and when a deleted one's is free."""
    holder = _holder(email)
    if holder is None or holder.deleted_at is None:
        return Conflict("There is already an account with this email address.", field="email")
    free = durations.iso(holder.deleted_at + living.RESTORABLE)[:10]
    said = "A deleted account has this email address. Restore it, or wait until it is erased"
    return Conflict(f"{said} after {free}.", field="email")


def clean(email: str) -> str:
    """An address as accounts are found by it. Raises Invalid."""
    try:
        return emails.normalise(email)
    except ValueError as error:
        raise Invalid(str(error), "no email address", field="email") from None


def clean_as_given(email: str) -> str:
    """An address as mails are sent to it (contract 11.47). Raises Invalid."""
    clean(email)
    return emails.as_given(email)


def _holder(email: str) -> User | None:
    with database.reading() as session:
        return session.scalar(select(User).where(User.email_key == emails.normalise(email)))
