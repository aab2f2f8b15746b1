"""Passwords: proving one, changing one, setting one by link (security.md 7.3)."""

from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from authserver import config, database
from authserver.domain.ground import mails, one_time_links, person_locks, throttle
from authserver.domain.people import known_devices, sessions
from authserver.domain.record import audit
from authserver.errors import Denied, Invalid, RateLimited, Unavailable
from authserver.lib import clock, emails, password_hash, password_rules
from authserver.models import AuditEvent, User
from authserver.observability import context, logs, metrics

BUSY = "Too many people are signing in right now. Wait a few seconds, then try again."


def check(email: str, password: str, *, device: bytes | None = None) -> User | None:
    """The person whom this password proves, or None: the same work and time for an unknown name as for a wrong guess.

    `email` is as typed; `device` is the digest of the browser's cookie. Raises RateLimited before anything is
    hashed, Denied for a disabled account (after the right password alone), Unavailable when too many hash at once.
    """
    try:
        email = emails.normalise(email)
    except ValueError:
        email = ""  # nobody has it, and it is counted as one name
    known = device if device is not None and known_devices.knows(email, device) else None
    attempt = _begin(email, known)
    with database.reading() as session:
        user = session.scalar(select(User).where(User.email_key == email))
    if not _proves(user.password_hash if user else None, password) or user is None:
        _note_failure(user, attempt)
        return None
    throttle.refund(attempt)
    if user.disabled_at is not None:
        _note_failure(user, None, reason="disabled")
        raise Denied(sessions.DISABLED, "the account is disabled")
    _rehash(user, password)
    metrics.LOGINS.labels(method="password", result="ok").inc()
    return user


def confirm(user: User, password: str, *, device: bytes | None = None) -> bool:
    """Whether this is the signed-in person's own password; counted like a sign-in."""
    found = check(user.email, password, device=device)
    return found is not None and found.id == user.id


def problems(password: str, *, email: str, name: str = "") -> str:
    """What speaks against a new password, in a sentence, or an empty string."""
    settings = config.current()
    found = password_rules.problems(password, [settings.brand, settings.host_name, email, name])
    return found[0] if found else ""


def hashed(password: str, *, email: str, name: str = "", field: str = "password") -> str:
    """The hash of a new password that the rules allow; raises Invalid with a problem for `field`, or Unavailable.

    Takes a tenth of a second: never inside a transaction.
    """
    problem = problems(password, email=email, name=name)
    if problem:
        raise Invalid(problem, "the password breaks a rule", field=field)
    try:
        return password_hash.hash(password)
    except password_hash.Busy:
        raise _busy() from None


def change(
    user: User,
    old: str,
    new: str,
    *,
    session_id: str | None = None,
    device: bytes | None = None,
    end_others: bool = True,
) -> User:
    """Replace one's own password; other sessions end unless told otherwise, and no other browser is known any more.

    Returns the person as they are then. Raises Invalid for `old` or `new`.
    """
    if not confirm(user, old, device=device):
        raise Invalid("This is not your current password.", "wrong current password", field="current_password")
    digest = hashed(new, email=user.email, name=user.name, field="new_password")
    with database.transaction() as session:
        now = person_locks.take(session, user.id)
        # Hashing takes its time: whoever reset the password meanwhile did so to shut out who knows the old one.
        if now is None or now.password_hash is None or now.password_changed_at != user.password_changed_at:
            raise Invalid(sessions.OTHER_PASSWORD, "changed meanwhile", field="current_password")
        ended = sessions.end_all_in(session, user.id, but=session_id) if end_others else 0
        if end_others:
            known_devices.forget_all(session, user.id, but=device)
        store(session, now, digest)
        mails.send(session, user.email, "password_changed", whose=user.id, **_circumstances(user))
        audit.record(session, "user.password_changed", target=f"user:{user.id}", owner_id=user.id, sessions_ended=ended)
    return now


def set_by_link(token: str, new: str, *purposes: str, device: bytes | None = None) -> User:
    """Set a password with a one-time link, which is used up; every session ends, and no other browser is known.

    Returns the person as they are then. Raises NotFound, Invalid.
    """
    purpose = one_time_links.look(token, *purposes)
    digest = hashed(new, email=purpose.user.email, name=purpose.user.name, field="new_password")
    with database.transaction() as session:
        user = one_time_links.spend(session, token, *purposes)
        ended = sessions.end_all_in(session, user.id)
        known_devices.forget_all(session, user.id, but=device)
        first = user.password_hash is None
        if purpose.mailed:
            user.email_verified_at = user.email_verified_at or clock.now()
        store(session, user, digest)
        if not first:
            mails.send(session, user.email, "password_reset_done", whose=user.id, **_circumstances(user))
        audit.record(
            session,
            "user.password_changed" if first else "user.password_reset",
            target=f"user:{user.id}",
            owner_id=user.id,
            actor=f"user:{user.id}",
            sessions_ended=ended,
        )
    throttle.clear(user.email_key)
    return user


def failures_since(session: Session, user_id: str, since: int) -> int:
    """How many wrong passwords were tried on an account since a time (epoch seconds), however slowly."""
    count = (
        select(func.count())
        .select_from(AuditEvent)
        .where(
            AuditEvent.owner_id == user_id,
            AuditEvent.type == "user.login_failed",
            AuditEvent.at_us >= since * 1_000_000,
        )
    )
    return session.scalar(count) or 0


def store(session: Session, user: User, digest: str) -> None:
    """Write a new hash; links that would set another one die with the old one."""
    user.password_hash, user.password_changed_at = digest, clock.now()
    session.flush()
    # "This wasn't me" links outlive it: who stole the password could change it and so disarm the warning.
    one_time_links.kill(session, user.id, "reset", "welcome")


def _begin(email: str, device: bytes | None) -> throttle.Attempt:
    try:
        return throttle.begin_sign_in(email, ip=context.current().ip, device=device)
    except RateLimited:
        metrics.LOGINS.labels(method="password", result="throttled").inc()
        logs.event("sign_in_failed", level="warning", reason="throttled")
        raise


def _proves(stored: str | None, password: str) -> bool:
    """Whether the password fits. A busy server refunds nothing: else who keeps it busy guesses for nothing."""
    try:
        return password_hash.verify(stored, password)
    except password_hash.Busy:
        metrics.LOGINS.labels(method="password", result="busy").inc()
        raise _busy() from None


def _busy() -> Unavailable:
    metrics.QUEUE_REJECTED.labels("passwords").inc()
    return Unavailable(BUSY, "no slot for a password hash")


def _note_failure(user: User | None, attempt: throttle.Attempt | None, reason: str = "password") -> None:
    """Record a failure, for unknown names too: a missing write would tell them apart by time."""
    metrics.LOGINS.labels(method="password", result="disabled" if reason == "disabled" else "failed").inc()
    logs.event("sign_in_failed", level="warning", sub=user.id if user else None, reason=reason)
    target = f"user:{user.id}" if user else "user:unknown"
    owner = user.id if user else None
    with database.transaction() as session:
        if attempt and attempt.last:
            audit.record(session, "user.locked", target=target, owner_id=owner, result="refused", reason="throttled")
        audit.record(session, "user.login_failed", target=target, owner_id=owner, result="refused", reason=reason)


def _rehash(user: User, password: str) -> None:
    """Bring a hash made with older parameters up to today's; a busy server leaves it for the next time."""
    if not user.password_hash or not password_hash.needs_rehash(user.password_hash):
        return
    try:
        digest = password_hash.hash(password)
    except password_hash.Busy:
        return
    with database.writing() as connection:
        connection.execute(
            update(User)
            .where(User.id == user.id, User.password_hash == user.password_hash)
            .values(password_hash=digest)
        )


def _circumstances(user: User) -> dict[str, object]:
    asked = context.current()
    return {"name": user.name, "at": clock.now(), "ip": asked.ip or "unknown", "browser": asked.user_agent[:120]}
