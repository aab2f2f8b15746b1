"""Accounts that people open themselves."""

from __future__ import annotations

from sqlalchemy import select

from authserver import config, database
from authserver.domain.ground import mails, one_time_links, throttle
from authserver.domain.people import usernames, users
from authserver.domain.record import audit
from authserver.errors import NotFound
from authserver.models import User
from authserver.observability import context


def sign_up(email: str, name: str, *, request: str = "") -> None:
    """Open an account and mail a welcome link, which proves the address; a taken address gets a mail that says so.

    No password before the address is proven: else whoever signs somebody else's address up would hold the key
    to an account that its owner then confirms. The answer is the same for every address. `request` is the handle of
    an app's request that waits for the account (prompt=create), to which the link leads back in the same browser.
    Raises Invalid, RateLimited.
    """
    if config.current().signup != "on":
        raise NotFound("There is no such page.", "sign-up is off")
    user = users.new(email, name, "user", verified=False)
    throttle.begin_sign_up(user.email_key, ip=context.current().ip)
    with database.transaction() as session:
        taken = session.scalar(select(User).where(User.email_key == user.email_key))
        known = taken or user
        if taken is None:
            user.username = usernames.for_own_sign_up(session, user.email_key)
            session.add(user)
            session.flush()
        if known.password_hash is None and known.disabled_at is None:
            link = one_time_links.make(session, known, "welcome", mailed=True)
            link += f"?request={request}" if request else ""
            mails.send(session, known.email, "welcome", whose=known.id, link=link)
        elif known.deleted_at is None:
            mails.send(session, known.email, "sign_up_taken", whose=known.id)
        else:
            mails.pretend(session, "sign_up_taken")
        audit.record(
            session,
            "user.sign_up_repeated" if taken else "user.created",
            target=f"user:{known.id}",
            owner_id=known.id,
            role=known.role,
        )
