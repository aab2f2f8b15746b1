"""People: who has an account, in which role, and whether it is disabled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from authserver import config, database
from authserver.domain.access import roles
from authserver.domain.clients import former_owners, transfers
from authserver.domain.grants import grants
from authserver.domain.ground import cache, lists, mails, one_time_links, throttle
from authserver.domain.ground.lists import Part, Rows
from authserver.domain.people import addresses, living, names, sessions, usernames
from authserver.domain.people.credentials import passwords
from authserver.domain.record import audit, outbox
from authserver.errors import Conflict, NotFound
from authserver.lib import clock, emails, secrets
from authserver.models import Grant
from authserver.models import User as User  # the people commands and pages are handed
from authserver.observability import context


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
    role = roles.DEVELOPER if user.role == roles.ADMIN else user.role
    return User(
        id=user.id,
        email=user.email,
        name=user.name,
        username=user.username,
        role=role,
        disabled_at=user.disabled_at,
        standard_claims=user.standard_claims,
    )


def emails_of(user_ids: Iterable[str]) -> dict[str, str]:
    """The addresses of these people, by id."""
    with database.reading() as session:
        rows = session.execute(select(User.id, User.email).where(User.id.in_(list(user_ids)))).all()
    return {row.id: row.email for row in rows}


def page(q: str = "", *, state: str = "", **part: Unpack[Part]) -> tuple[Rows[User], int]:
    """People whose name, username or address holds `q`, newest first, and how many there are, as `lists.read` counts.

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
        return lists.read(
            session, select(User).where(*conditions), by=(User.created_at, User.id), name="users", part=part
        )


_STATES: dict[str, list[ColumnElement[bool]]] = {
    # Who is deleted is disabled, too; said all the same, for the indexes are of those who are not, or are.
    "active": [User.deleted_at.is_(None), User.disabled_at.is_(None), User.password_hash.is_not(None)],
    "invited": [User.deleted_at.is_(None), User.disabled_at.is_(None), User.password_hash.is_(None)],
    "disabled": [User.disabled_at.is_not(None), User.deleted_at.is_(None)],
    "deleted": [User.disabled_at.is_not(None), User.deleted_at.is_not(None)],
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
    user = _wanted(email, name, role, verified, given_name, family_name)
    if password is not None:
        user.password_hash = passwords.hashed(password, email=user.email, name=user.name)
        user.password_changed_at = user.created_at
    _insert(user, usernames.clean(username) if username else "")
    return user


def invite(
    email: str, name: str = "", role: str = "user", *, verified: bool = False, username: str = "",
    given_name: str = "", family_name: str = "", by_mail: bool = False,
) -> tuple[User, str]:  # fmt: skip
    """A new account without a password, and the one-time link with which its person chooses one; both or neither.

    `by_mail` sends the link to its person, and nobody else gets it. Raises Invalid, or Conflict for a taken address
    or username, or where no mail can be sent.
    """
    user = _wanted(email, name, role, verified, given_name, family_name)
    if by_mail and not config.current().mail:
        raise Conflict("This server sends no mail (smtp_url). Hand the one-time link over yourself.")
    return user, _insert(user, usernames.clean(username) if username else "", invited=True, by_mail=by_mail)


def set_role(user_id: str, role: str, *, by_id: str | None = None) -> None:
    """Give somebody another role; `by_id` as for `disable`.

    Raises Invalid, and Conflict for the last administrator and for oneself.
    """
    roles.check(role)
    with database.transaction() as session:
        if role != "admin":
            require_another_admin(session, user_id)
        user = living.locked(session, user_id)
        if user.role == role:
            return
        require_other(by_id, user_id, "change your own role")
        user.role = role
        if role != "admin":
            former_owners.end_kept(session, user_id)
            outbox.forget_others(session, user_id)
        cache.touch(session, "clients", [user_id])  # what a person's clients may have depends on it
        audit.record(session, "user.updated", target=f"user:{user_id}", owner_id=user_id, changed=["role"], role=role)


def disable(user_id: str, *, by_id: str | None = None) -> None:
    """Stop an account at once. Sessions, what apps were given and offers of apps end for good; keys rest until it is
    enabled again.

    `by_id` is the person with whose authority it is asked: of an app's own credential the app's owner, None for the
    command line and for apps of the installation. Raises Conflict for the last administrator and for oneself.
    """
    require_other(by_id, user_id, "disable your own account")
    with database.transaction() as session:
        require_another_admin(session, user_id)
        user = living.locked(session, user_id)
        if user.disabled_at is not None:
            return
        user.disabled_at = clock.now()
        cache.touch(session, "clients", [user_id])  # theirs stop with them (contract 11.38)
        ended = sessions.end_all_in(session, user_id)
        grants.end(session, "user disabled", Grant.user_id == user_id)
        former_owners.end_kept(session, user_id)
        transfers.end_offers_of(session, user_id)
        one_time_links.kill(session, user_id, *one_time_links.PURPOSES)
        audit.record(session, "user.disabled", target=f"user:{user_id}", owner_id=user_id, sessions_ended=ended)


def enable(user_id: str) -> None:
    """Let a disabled person in again."""
    with database.transaction() as session:
        user = living.locked(session, user_id)
        if user.disabled_at is None:
            return
        user.disabled_at = None
        cache.touch(session, "clients", [user_id])
        audit.record(session, "user.enabled", target=f"user:{user_id}", owner_id=user_id)


def unlock(user_id: str) -> None:
    """Forget failed sign-ins of an account, so that it can be tried from anywhere again."""
    user = living.get(user_id)
    throttle.clear(user.email_key)
    with database.transaction() as session:
        audit.record(session, "user.unlocked", target=f"user:{user_id}", owner_id=user_id)


def new(email: str, name: str, role: str, *, verified: bool) -> User:
    """An account that is stored nowhere yet. Raises Invalid."""
    roles.check(role)
    now = clock.now()
    return User(
        id=secrets.random_id("usr"),
        email=addresses.clean_as_given(email),
        name=names.clean(name),
        role=role,
        email_verified_at=now if verified else None,
        created_at=now,
        person_updated_at=now,
    )


def _wanted(email: str, name: str, role: str, verified: bool, given_name: str, family_name: str) -> User:
    user = new(email, name, role, verified=verified)
    user.given_name = names.clean_part(given_name, "given_name")
    user.family_name = names.clean_part(family_name, "family_name")
    return user


def _insert(user: User, username: str, *, invited: bool = False, by_mail: bool = False) -> str:
    for _ in range(_TRIES):
        try:
            with database.transaction() as session:
                made = usernames.reserve(session, username, user.id) if username else ""
                user.username = made or usernames.made_for(session, user.email_key)
                session.add(user)
                session.flush()
                link = _invitation(session, user, by_mail) if invited else ""
                about: dict[str, Any] = {"target": f"user:{user.id}", "owner_id": user.id}
                audit.record(session, "user.created", **about, role=user.role)
                if invited:
                    audit.record(session, "user.link_created", **about, purpose="welcome")
                return link
        except IntegrityError:
            if find_by_email(user.email) is not None:
                raise addresses.taken(user.email) from None
            # Somebody else got the same username in this moment: another one is made, unless it was chosen.
            if username:
                break
    raise names.username_taken()


_TRIES = 5


def _invitation(session: Session, user: User, by_mail: bool) -> str:
    if not by_mail:
        return one_time_links.make(session, user, "welcome", made_by=context.current().actor)
    link = one_time_links.make(session, user, "welcome", mailed=True)
    mails.send(session, user.email, "invitation", whose=user.id, name=user.name, link=link)
    return ""


def require_other(by_id: str | None, user_id: str, what: str) -> None:
    """Refuse what nobody does to themselves, by whatever credential: it could not be undone. Raises Conflict."""
    if by_id == user_id:
        raise Conflict(f"You can't {what}. Another administrator, or the command line, can.")


def hold_administrators() -> list[str]:
    """Lock all administrators who can sign in, in the transaction that several verbs share; their ids.

    For before the first of those verbs locks anybody.
    """
    with database.transaction() as session:
        return _locked_administrators(session)


def _locked_administrators(session: Session) -> list[str]:
    acting = select(User.id).where(User.role == "admin", User.disabled_at.is_(None)).order_by(User.id)
    return list(session.scalars(acting.with_for_update(key_share=True)))


def require_another_admin(session: Session, user_id: str) -> None:
    """Refuse to take away the last administrator who can sign in. Raises Conflict.

    All of them are locked, in one order, before any single row is: of two who stop each other at once, one is last.
    """
    if _locked_administrators(session) == [user_id]:
        raise Conflict("This is the last administrator. Make somebody else one first.")
