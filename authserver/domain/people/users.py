"""People: who has an account, in which role, and whether it is disabled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from authserver import config, database
from authserver.domain.grants import grants
from authserver.domain.ground import cache, mails, one_time_links, person_locks, throttle
from authserver.domain.people import known_devices, sessions, usernames
from authserver.domain.people.credentials import passwords
from authserver.domain.people.known_devices import Standing
from authserver.domain.record import audit
from authserver.errors import Conflict, Invalid, NotFound
from authserver.lib import clock, durations, emails, secrets, user_agents
from authserver.models import Grant
from authserver.models import User as User  # the people commands and pages are handed
from authserver.observability import context

ROLES = ("user", "admin")
RESTORABLE = 7 * 86_400  # seconds for which a deleted person can be brought back
MAX_NAME = 200
MAX_PART = 100
DISABLED = "This account is disabled. Enable it first."
# So many wrong passwords since the last sign-in, and then the right one in a new browser: more than a slip of the hand.
FAILURES_BEFORE_WARNING = 3


def find(user_id: str) -> User | None:
    """The person with this id."""
    with database.reading() as session:
        return session.get(User, user_id)


def get(user_id: str) -> User:
    """The person with this id; raises NotFound."""
    user = find(user_id)
    if user is None:
        raise NotFound("There is no such person.")
    return user


def get_living(user_id: str) -> User:
    """The person with this id, who is not deleted. Raises NotFound, Conflict."""
    user = get(user_id)
    _require_living(user)
    return user


def find_by_email(email: str) -> User | None:
    """The person with this address, however it is spelt."""
    try:
        email = emails.normalise(email)
    except ValueError:
        return None
    with database.reading() as session:
        return session.scalar(select(User).where(User.email_key == email))


def as_plain(user: User) -> User:
    """The same person as if they were no administrator, for a credential that does not reach so far; never stored."""
    return User(
        id=user.id, email=user.email, name=user.name, username=user.username, role="user", disabled_at=user.disabled_at
    )


def emails_of(user_ids: Iterable[str]) -> dict[str, str]:
    """The addresses of these people, by id."""
    with database.reading() as session:
        rows = session.execute(select(User.id, User.email).where(User.id.in_(list(user_ids)))).all()
    return {row.id: row.email for row in rows}


def page(q: str = "", *, state: str = "", page: int = 1, limit: int = 20) -> tuple[list[User], int]:
    """People whose name, username or address holds `q`, newest first, and how many there are.

    `state` is one of STATES; anything else means those not deleted.
    """
    conditions = list(_STATES.get(state, [User.deleted_at.is_(None)]))
    if q:
        folded = q.strip().lower()
        conditions.append(
            or_(
                User.email_key.contains(folded, autoescape=True),
                func.lower(User.email).contains(folded, autoescape=True),
                User.username.contains(folded, autoescape=True),
                func.lower(User.name).contains(folded, autoescape=True),
            )
        )
    with database.reading() as session:
        total = session.scalar(select(func.count()).select_from(User).where(*conditions)) or 0
        rows = session.scalars(
            select(User)
            .where(*conditions)
            .order_by(User.created_at.desc(), User.id)
            .limit(limit)
            .offset((page - 1) * limit)
        ).all()
    return list(rows), total


_STATES: dict[str, list[ColumnElement[bool]]] = {
    "active": [User.disabled_at.is_(None), User.password_hash.is_not(None)],
    "invited": [User.disabled_at.is_(None), User.password_hash.is_(None)],
    "disabled": [User.disabled_at.is_not(None), User.deleted_at.is_(None)],
    "deleted": [User.deleted_at.is_not(None)],
}
STATES = tuple(_STATES)


def state(user: User) -> str:
    """One of STATES: what has to be known first about an account."""
    if user.deleted_at is not None:
        return "deleted"
    if user.disabled_at is not None:
        return "disabled"
    return "active" if user.password_hash else "invited"


def create(
    email: str, name: str = "", role: str = "user", password: str | None = None, *, verified: bool = True,
    username: str = "", given_name: str = "", family_name: str = "",
) -> User:  # fmt: skip
    """A new account; without a password it needs a welcome link. Without a `username` one is made from the address.

    Raises Invalid, or Conflict for a taken address or username.
    """
    user = _new(email, name, role, verified=verified)
    user.given_name, user.family_name = _clean_part(given_name, "given_name"), _clean_part(family_name, "family_name")
    if password is not None:
        user.password_hash = passwords.hashed(password, email=user.email, name=user.name)
        user.password_changed_at = user.created_at
    _insert(user, usernames.clean(username) if username else "")
    return user


def welcome_link(user_id: str) -> str:
    """A one-time link with which a person without a password chooses one; older ones die."""
    return _link(user_id, "welcome")


def sign_in_link(user_id: str, *, lifetime: int | None = None) -> str:
    """A one-time link that signs in; the demo's card has one."""
    return _link(user_id, "sign_in", lifetime=lifetime)


def access_link(user_id: str) -> str:
    """What an administrator hands out: a welcome link before the first password, a reset link after."""
    return _link(user_id, "reset" if get(user_id).password_hash else "welcome")


def set_email_verified(user_id: str, verified: bool) -> None:
    """Say for somebody that their address is theirs, or that it is not known to be. For administrators."""
    user = get_living(user_id)
    if (user.email_verified_at is not None) != verified:
        at = clock.now() if verified else None
        _change(user_id, "user.updated", {"email_verified_at": at}, email_verified=verified)


def rename(
    user_id: str, name: str | None = None, *, given_name: str | None = None, family_name: str | None = None
) -> None:
    """Change what a person is called, but for what is None; an empty name is composed of its parts. Raises Invalid."""
    wanted: dict[str, str] = {}
    if name is not None:
        wanted["chosen_name"] = _clean_name(name)
    for part, text in (("given_name", given_name), ("family_name", family_name)):
        if text is not None:
            wanted[part] = _clean_part(text, part)
    if not wanted:
        get_living(user_id)
        return
    told = ["name" if each == "chosen_name" else each for each in wanted]
    _change(user_id, "user.updated", {**wanted, "person_updated_at": clock.now()}, changed=told)


def set_username(user_id: str, username: str) -> None:
    """Give somebody another username; nobody else gets the one of before. Raises Invalid, Conflict."""
    name = usernames.clean(username)
    try:
        with database.transaction() as session:
            user = _locked(session, user_id)
            if user.username == name:
                return
            found = usernames.reserve(session, name, user_id)
            usernames.retire(session, user)
            user.username, user.person_updated_at = found, clock.now()
            session.flush()
            audit.record(
                session,
                "user.updated",
                target=f"user:{user_id}",
                owner_id=user_id,
                changed=["username"],
            )
    except IntegrityError:
        raise _username_taken() from None


def set_role(user_id: str, role: str, *, by_id: str | None = None) -> None:
    """Make somebody a user or an administrator; `by_id` as for `disable`.

    Raises Invalid, and Conflict for the last administrator and for oneself.
    """
    _check_role(role)
    with database.transaction() as session:
        if role != "admin":
            require_another_admin(session, user_id)
        user = _locked(session, user_id)
        if user.role == role:
            return
        require_other(by_id, user_id, "change your own role")
        user.role = role
        cache.touch(session, "clients")  # what a person's clients may have depends on it
        audit.record(session, "user.updated", target=f"user:{user_id}", owner_id=user_id, changed=["role"], role=role)


def change_email(user_id: str, email: str) -> None:
    """Give an account another address; links made for the old one die, and it gets a mail. Raises Invalid, Conflict."""
    email = _clean_email(email)
    try:
        with database.transaction() as session:
            user = _locked(session, user_id)
            old = user.email
            if old == email:
                return
            user.email, user.person_updated_at = email, clock.now()
            user.email_verified_at = None  # nobody said so of this one (contract 11.47)
            session.flush()
            asked = context.current()
            mails.send(
                session, old, "email_changed", whose=user_id, name=user.name, at=clock.now(),
                ip=asked.ip or "unknown", new=email,
            )  # fmt: skip
            audit.record(session, "user.updated", target=f"user:{user_id}", owner_id=user_id, changed=["email"])
    except IntegrityError:
        raise _email_taken(email) from None


def disable(user_id: str, *, by_id: str | None = None) -> None:
    """Stop an account at once. Sessions and what apps were given end for good; keys rest until it is enabled again.

    `by_id` is the person with whose authority it is asked: of an app's own credential the app's owner, None for the
    command line and for apps of the installation. Raises Conflict for the last administrator and for oneself.
    """
    require_other(by_id, user_id, "disable your own account")
    with database.transaction() as session:
        require_another_admin(session, user_id)
        user = _locked(session, user_id)
        if user.disabled_at is not None:
            return
        user.disabled_at = clock.now()
        cache.touch(session, "clients")  # theirs stop with them (contract 11.38)
        ended = sessions.end_all_in(session, user_id)
        grants.end(session, "user disabled", Grant.user_id == user_id)
        one_time_links.kill(session, user_id, *one_time_links.PURPOSES)
        audit.record(session, "user.disabled", target=f"user:{user_id}", owner_id=user_id, sessions_ended=ended)


def enable(user_id: str) -> None:
    """Let a disabled person in again."""
    with database.transaction() as session:
        user = _locked(session, user_id)
        if user.disabled_at is None:
            return
        user.disabled_at = None
        cache.touch(session, "clients")
        audit.record(session, "user.enabled", target=f"user:{user_id}", owner_id=user_id)


def unlock(user_id: str) -> None:
    """Forget failed sign-ins of an account, so that it can be tried from anywhere again."""
    user = get_living(user_id)
    throttle.clear(user.email_key)
    with database.transaction() as session:
        audit.record(session, "user.unlocked", target=f"user:{user_id}", owner_id=user_id)


def mail_reset(user_id: str) -> None:
    """Mail a reset link to somebody, for an administrator, who is told when none is sent.

    Raises NotFound, RateLimited, and Conflict for who cannot sign in or where the server sends no mail.
    """
    user = get_living(user_id)
    if user.disabled_at is not None:
        raise Conflict(DISABLED)
    if not config.current().mail:
        raise Conflict("This server sends no mail. Make a one-time link and hand it over.")
    request_reset(user.email)


def request_reset(email: str) -> None:
    """Mail a reset link to whoever has this address; for nobody the same work is done for nothing.

    Raises Invalid for what is no address and RateLimited for too many requests from one place.
    """
    email = _clean_email(email)
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
            mails.send(session, user.email, "password_reset", whose=user.id, name=user.name, link=link, **values)
        else:
            mails.pretend(session, "password_reset", name="", link="", **values)
        audit.record(
            session,
            "user.password_reset_requested",
            target=f"user:{user.id}" if user else "user:unknown",
            owner_id=user.id if user else None,
        )


def sign_up(email: str, name: str) -> None:
    """Open an account and mail a welcome link, which proves the address; a taken address gets a mail that says so.

    No password before the address is proven: else whoever signs somebody else's address up would hold the key
    to an account that its owner then confirms. The answer is the same for every address. Raises Invalid, RateLimited.
    """
    if config.current().signup != "on":
        raise NotFound("There is no such page.", "sign-up is off")
    user = _new(email, name, "user", verified=False)
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


def use_sign_in_link(token: str) -> User:
    """Use up a link that signs in; raises NotFound."""
    with database.transaction() as session:
        return one_time_links.spend(session, token, "sign_in")


def note_sign_in(user: User, device: bytes) -> None:
    """Remember the browser of a sign-in; where it is new, tell its person, with a way to end what it did.

    An account's first browser is news only if somebody failed before it; failures before a new one are an event of
    their own (security.md 6.3.5), so that who has no mail finds it in the security history.
    """
    asked = context.current()
    with database.transaction() as session:
        standing = known_devices.remember(session, user.id, device)
        if standing is Standing.KNOWN:
            return
        failures = passwords.failures_since(session, user.id, user.last_login_at or user.created_at)
        suspicious = failures >= FAILURES_BEFORE_WARNING
        if standing is Standing.FIRST and not suspicious:
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


def _new(email: str, name: str, role: str, *, verified: bool) -> User:
    _check_role(role)
    now = clock.now()
    return User(
        id=secrets.random_id("usr"),
        email=_given_email(email),
        name=_clean_name(name),
        role=role,
        email_verified_at=now if verified else None,
        created_at=now,
        person_updated_at=now,
    )


def _insert(user: User, username: str) -> None:
    for _ in range(_TRIES):
        try:
            with database.transaction() as session:
                made = usernames.reserve(session, username, user.id) if username else ""
                user.username = made or usernames.made_for(session, user.email_key)
                session.add(user)
                session.flush()
                audit.record(session, "user.created", target=f"user:{user.id}", owner_id=user.id, role=user.role)
                return
        except IntegrityError:
            if find_by_email(user.email) is not None:
                raise _email_taken(user.email) from None
            # Somebody else got the same username in this moment: another one is made, unless it was chosen.
            if username:
                break
    raise _username_taken()


_TRIES = 5


def _email_taken(email: str) -> Conflict:
    holder = find_by_email(email)
    if holder is None or holder.deleted_at is None:
        return Conflict("There is already an account with this email address.", field="email")
    free = durations.iso(holder.deleted_at + RESTORABLE)[:10]
    said = "A deleted account has this email address. Restore it, or wait until it is erased"
    return Conflict(f"{said} after {free}.", field="email")


def _username_taken() -> Conflict:
    return Conflict("This username is somebody else's, or was.", field="username")


def _link(user_id: str, purpose: str, *, lifetime: int | None = None) -> str:
    with database.transaction() as session:
        user = _locked(session, user_id)
        if user.disabled_at is not None:
            raise Conflict(DISABLED)
        one_time_links.kill(session, user_id, purpose)
        link = one_time_links.make(session, user, purpose, lifetime=lifetime)
        audit.record(session, "user.link_created", target=f"user:{user_id}", owner_id=user_id, purpose=purpose)
    return link


def _change(user_id: str, type: str, values: dict[str, Any], **data: Any) -> None:
    with database.transaction() as session:
        user = _locked(session, user_id)
        for name, value in values.items():
            setattr(user, name, value)
        audit.record(session, type, target=f"user:{user_id}", owner_id=user_id, **data)


def _locked(session: Session, user_id: str) -> User:
    """The row, locked. Raises NotFound, and Conflict for a deleted person: nothing changes but by restoring them."""
    user = person_locks.take(session, user_id)
    if user is None:
        raise NotFound("There is no such person.")
    _require_living(user)
    return user


def _require_living(user: User) -> None:
    if user.deleted_at is not None:
        raise Conflict("This person is deleted. Restore them first.")


def require_other(by_id: str | None, user_id: str, what: str) -> None:
    """Refuse what nobody does to themselves, by whatever credential: it could not be undone. Raises Conflict."""
    if by_id == user_id:
        raise Conflict(f"You can't {what}. Another administrator, or the command line, can.")


def require_another_admin(session: Session, user_id: str) -> None:
    """Refuse to take away the last administrator who can sign in. Raises Conflict.

    All of them are locked, in one order, before any single row is: of two who stop each other at once, one is last.
    """
    acting = select(User.id).where(User.role == "admin", User.disabled_at.is_(None)).order_by(User.id)
    if list(session.scalars(acting.with_for_update(key_share=True))) == [user_id]:
        raise Conflict("This is the last administrator. Make somebody else one first.")


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise Invalid("A role is user or admin.", field="role")


def _clean_email(email: str) -> str:
    try:
        return emails.normalise(email)
    except ValueError as error:
        raise Invalid(str(error), "no email address", field="email") from None


def _given_email(email: str) -> str:
    _clean_email(email)
    return emails.as_given(email)


def _clean_name(name: str, field: str = "name", at_most: int = MAX_NAME) -> str:
    name = " ".join(name.split())
    if len(name) > at_most:
        raise Invalid(f"A name has at most {at_most} characters.", field=field)
    if not name.isprintable():
        raise Invalid("A name has no invisible characters.", field=field)
    return name


def _clean_part(name: str, field: str) -> str:
    return _clean_name(name, field, MAX_PART)
