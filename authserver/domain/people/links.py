"""One-time links of people, handed over or mailed (contract 11.30)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from authserver import config, database
from authserver.domain.ground import mails, one_time_links, throttle
from authserver.domain.people import addresses, living, users
from authserver.domain.record import audit
from authserver.errors import Conflict
from authserver.models import User
from authserver.observability import context

DISABLED = "This account is disabled. Enable it first."


def welcome_link(user_id: str) -> str:
    """A one-time link with which a person without a password chooses one; older ones die."""
    return _link(user_id, "welcome")


def sign_in_link(user_id: str, *, lifetime: int | None = None) -> str:
    """A one-time link that signs in; the demo's card has one."""
    return _link(user_id, "sign_in", lifetime=lifetime)


def access_link(user_id: str) -> str:
    """What an administrator hands out: a welcome link before the first password, a reset link after."""
    return _link(user_id, "reset" if users.get(user_id).password_hash else "welcome")


def mail_reset(user_id: str) -> None:
    """Mail a reset link to somebody, for an administrator, who is told when none is sent.

    Raises NotFound, RateLimited, and Conflict for who cannot sign in or where the server sends no mail.
    """
    user = living.get(user_id)
    if user.disabled_at is not None:
        raise Conflict(DISABLED)
    if not config.current().mail:
        raise Conflict("This server sends no mail. Make a one-time link and hand it over.")
    request_reset(user.email)


def request_reset(email: str, *, back: str = "") -> None:
    """Mail a reset link to whoever has this address; for nobody the same work is done for nothing.

    `back` is the query of the link: where the browser that asked goes on with the new password.

    Raises Invalid for what is no address and RateLimited for too many requests from one place.
    """
    email = addresses.clean(email)
    ip = context.current().ip
    throttle.begin_reset(email, ip=ip)
    with database.transaction() as session:
        user = session.scalar(select(User).where(User.email_key == email))
        values: dict[str, Any] = {"ip": ip or "unknown", "minutes": one_time_links.PURPOSES["reset"][0] // 60}
        if user is not None and user.disabled_at is None:
            # Who disowned a sign-in had a password: the link proves the mailbox, and signing in is the next step.
            purpose = "reset" if user.password_hash or user.password_changed_at else "welcome"
            lifetime = one_time_links.PURPOSES["reset"][0]
            link = one_time_links.make(session, user, purpose, lifetime=lifetime, mailed=True)
            link += f"?{back}" if back else ""
            # Whoever signed a stranger's address up chose the name: it is no text to send them.
            name = user.name if user.email_verified_at else ""
            mails.send(session, user.email, "password_reset", whose=user.id, name=name, link=link, **values)
        else:
            mails.pretend(session, "password_reset", name="", link="", **values)
        audit.record(
            session,
            "user.password_reset_requested",
            target=f"user:{user.id}" if user else "user:unknown",
            owner_id=user.id if user else None,
        )


def use_sign_in_link(token: str) -> User:
    """Use up a link that signs in; raises NotFound."""
    with database.transaction() as session:
        return one_time_links.spend(session, token, "sign_in")


def _link(user_id: str, purpose: str, *, lifetime: int | None = None) -> str:
    with database.transaction() as session:
        user = living.locked(session, user_id)
        if user.disabled_at is not None:
            raise Conflict(DISABLED)
        one_time_links.kill(session, user_id, purpose)
        link = one_time_links.make(session, user, purpose, lifetime=lifetime, made_by=context.current().actor)
        audit.record(session, "user.link_created", target=f"user:{user_id}", owner_id=user_id, purpose=purpose)
    return link
