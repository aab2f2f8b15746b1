"""What a sign-in leaves behind: a known browser, a mail about a new one, and the answer "This wasn't me"."""

from __future__ import annotations

from authserver import database
from authserver.domain.grants import grants
from authserver.domain.ground import mails, one_time_links
from authserver.domain.people import known_devices, sessions
from authserver.domain.people.credentials import passwords
from authserver.domain.people.known_devices import Standing
from authserver.domain.record import audit
from authserver.lib import clock, user_agents
from authserver.models import Grant, User
from authserver.observability import context

# So many wrong passwords since the last sign-in, and then the right one in a new browser: more than a slip of the hand.
FAILURES_BEFORE_WARNING = 3


def note_sign_in(user: User, device: bytes) -> None:
    """Remember the browser of a sign-in; where it is new, tell its person, with a way to end what it did.

    An account's very first browser is news only if somebody failed before it; failures before a new one are an event
    of their own (security.md 6.3.5), so that who has no mail finds it in the security history.
    """
    asked = context.current()
    with database.transaction() as session:
        standing = known_devices.remember(session, user.id, device)
        if standing is Standing.KNOWN:
            return
        failures = passwords.failures_since(session, user.id, user.last_login_at or user.created_at)
        suspicious = failures >= FAILURES_BEFORE_WARNING
        if standing is Standing.FIRST and not suspicious and user.last_login_at is None:
            return
        link = one_time_links.make(session, user, "not_me")
        mails.send(
            session,
            user.email,
            "new_device",
            whose=user.id,
            name=user.name,
            link=link,
            at=clock.now(),
            ip=asked.ip or "unknown",
            browser=user_agents.describe(asked.user_agent).text if asked.user_agent else "",
            failures=failures if suspicious else 0,
        )
        if suspicious:
            who = f"user:{user.id}"
            audit.record(
                session, "user.login_after_failures", target=who, owner_id=user.id, actor=who, failures=failures
            )


def disown_sign_in(token: str) -> tuple[User, int]:
    """Answer "This wasn't me": every session, browser and app's access ends, and so does the password.

    Returns the person and when the sign-in was that they disown (epoch seconds). The link resets nothing: whoever
    holds it can end things, and a new password needs the ordinary mail. Raises NotFound.
    """
    with database.transaction() as session:
        began = one_time_links.made_at(session, token)
        user = one_time_links.spend(session, token, "not_me")
        ended = sessions.end_all_in(session, user.id)
        known_devices.forget_all(session, user.id)
        grants.end(session, "disowned", Grant.user_id == user.id)
        user.password_hash = None  # the intruder knows it
        # One that an administrator's browser made for its own account would set another.
        one_time_links.kill(session, user.id, "reset", "welcome", "sign_in")
        audit.record(
            session,
            "session.ended",
            target=f"user:{user.id}",
            owner_id=user.id,
            actor=f"user:{user.id}",
            reason="disowned",
            count=ended,
        )
    return user, began
