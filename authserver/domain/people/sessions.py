"""Sign-in sessions: kept on the server, known to the browser by a random cookie."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from authserver import config, database
from authserver.domain.grants import logout_notices, session_ids
from authserver.domain.record import audit
from authserver.errors import Denied, NotFound
from authserver.lib import clock, secrets
from authserver.models import SignInSession, User

# The last use is written at most this often, so that reading a page is rarely a write.
SEEN_EVERY_SECONDS = 60
# Twenty browsers are plenty for one person; the least recently used one is signed out.
PARALLEL_SESSIONS = 20
OTHER_PASSWORD = "This account's password was changed in this moment. Sign in with the new one."
DISABLED = "This account is disabled. Contact your administrator."


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is signed in, and through which session."""

    user: User
    session: SignInSession


def open(
    user: User, *, amr: Iterable[str], ip: str, user_agent: str, replaces: str | None = None
) -> tuple[str, SignedIn]:
    """Sign a person in; returns the cookie's value. `replaces` is the id of a session that ends with it (rotation).

    `user` is the row as it was when they proved who they are. Raises Denied for who was disabled or deleted since, and
    where the password is another one by now: who set it ended every session, and the old one opens none after that.
    """
    token, now = secrets.random_token(), clock.now()
    id = secrets.random_id("ses")
    row = SignInSession(
        id=id,
        series=id,
        digest=secrets.digest(token),
        user_id=user.id,
        created_at=now,
        auth_time=now,
        amr=list(amr),
        seen_at=now,
        expires_at=now + config.current().session_max_ttl,
        ip=ip,
        user_agent=user_agent[:400],
    )
    with database.transaction() as session:
        # First, and only for who may sign in still: they may have been deleted since they proved who they are.
        acting = update(User).where(User.id == user.id, User.disabled_at.is_(None), *_same_password(user))
        if not session.execute(acting.values(last_login_at=now)).rowcount:  # type: ignore[attr-defined]  # an UPDATE's
            raise _refused(session, user)
        if replaces:
            row.series = _continued(session, replaces, user.id) or id
            _end(session, SignInSession.id == replaces, goes_on=row.series)
        _end_oldest(session, user.id)
        session.add(row)
        audit.record(
            session, "user.login", target=f"user:{user.id}", owner_id=user.id, actor=f"user:{user.id}", amr=row.amr
        )
    return token, SignedIn(user, row)


def is_same(found: SignedIn, client_id: str, sid: str) -> bool:
    """Whether an app's `sid` is of this sign-in: of this session, or of one that it went on from."""
    with database.reading() as session:
        ids = session.scalars(select(SignInSession.id).where(SignInSession.series == found.session.series)).all()
    # Apps of before know the session itself.
    return sid in ids or sid in {session_ids.of(each, client_id) for each in ids}


def _continued(session: Session, replaced: str, user_id: str) -> str | None:
    """The series that goes on, where the same person proved once more who they are."""
    of_theirs = SignInSession.id == replaced, SignInSession.user_id == user_id, SignInSession.ended_at.is_(None)
    return session.scalar(select(SignInSession.series).where(*of_theirs))


def _same_password(user: User) -> list[ColumnElement[bool]]:
    # By the moment, not the hash: a sign-in may have hashed the same password anew.
    same = User.password_changed_at.is_not_distinct_from(user.password_changed_at)
    return [same, User.password_hash.is_(None) if user.password_hash is None else User.password_hash.is_not(None)]


def _refused(session: Session, user: User) -> Denied:
    if session.scalar(select(User.id).where(User.id == user.id, User.disabled_at.is_(None))):
        return Denied(OTHER_PASSWORD, "another password since the proof")
    return Denied(DISABLED, "disabled while signing in")


def resolve(token: str) -> SignedIn | None:
    """The live session behind a cookie, if its person may still sign in; one statement."""
    if not token or len(token) > 200:
        return None
    now, settings = clock.now(), config.current()
    with database.reading() as session:
        found = session.execute(
            select(SignInSession, User)
            .join(User, User.id == SignInSession.user_id)
            .where(
                SignInSession.digest == secrets.digest(token),
                SignInSession.ended_at.is_(None),
                SignInSession.expires_at > now,
                SignInSession.seen_at > now - settings.session_idle_ttl,
                User.disabled_at.is_(None),
            )
        ).one_or_none()
    if found is None:
        return None
    _note_seen(found[0], now)
    return SignedIn(found[1], found[0])


def lapsed(token: str) -> SignedIn | None:
    """The session behind a cookie that has ended by time, and by nothing else; its person may still sign in."""
    if not token or len(token) > 200:
        return None
    with database.reading() as session:
        found = session.execute(
            select(SignInSession, User)
            .join(User, User.id == SignInSession.user_id)
            .where(SignInSession.digest == secrets.digest(token), *_lapsed(clock.now()), User.disabled_at.is_(None))
        ).one_or_none()
    return SignedIn(found[1], found[0]) if found else None


def lapsed_of(user_id: str) -> list[str]:
    """The ids of a person's sessions that ended by time, the last used first, and no more than a person has."""
    latest = select(SignInSession.id).where(SignInSession.user_id == user_id, *_lapsed(clock.now()))
    with database.reading() as session:
        return list(session.scalars(latest.order_by(SignInSession.seen_at.desc()).limit(PARALLEL_SESSIONS)))


def list_for(user_id: str) -> list[SignInSession]:
    """A person's live sessions, last used first."""
    now = clock.now()
    with database.reading() as session:
        return list(
            session.scalars(
                select(SignInSession)
                .where(*_live(user_id, now))
                .order_by(SignInSession.seen_at.desc(), SignInSession.id)
            )
        )


def owner_of(session_id: str) -> str:
    """The id of the person whose live session this is; raises NotFound. For administrators."""
    with database.reading() as session:
        row = session.get(SignInSession, session_id)
    if row is None or row.ended_at is not None or row.expires_at <= clock.now():
        raise NotFound("That session has already ended.")
    return row.user_id


def end(user_id: str, session_id: str) -> None:
    """End one session of this person; raises NotFound for one that is gone or somebody else's."""
    with database.transaction() as session:
        if not _end(session, SignInSession.id == session_id, SignInSession.user_id == user_id):
            raise NotFound("That session has already ended.")
        audit.record(session, "session.ended", target=f"session:{session_id}", owner_id=user_id)


def sign_out(found: SignedIn) -> list[str]:
    """End one's own session; the addresses of apps that want to be told in this browser, in frames."""
    with database.transaction() as session:
        if not _end(session, SignInSession.id == found.session.id):
            return []
        frames = logout_notices.in_frames(session, found.session.series)
        audit.record(session, "user.logout", target=f"user:{found.user.id}", owner_id=found.user.id)
    return frames


def end_all(user_id: str, *, but: str | None = None) -> int:
    """End every session of a person, or every other one; returns how many."""
    with database.transaction() as session:
        count = end_all_in(session, user_id, but=but)
        if count:
            audit.record(session, "session.ended", target=f"user:{user_id}", owner_id=user_id, count=count)
    return count


def end_all_in(session: Session, user_id: str, *, but: str | None = None) -> int:
    """The same inside a transaction that records its own event (disabling, a new password)."""
    conditions = [SignInSession.user_id == user_id]
    if but:
        conditions.append(SignInSession.id != but)
    return _end(session, *conditions)


def _live(user_id: str, now: int) -> list[ColumnElement[bool]]:
    return [
        SignInSession.user_id == user_id,
        SignInSession.ended_at.is_(None),
        SignInSession.expires_at > now,
        SignInSession.seen_at > now - config.current().session_idle_ttl,
    ]


def _lapsed(now: int) -> list[ColumnElement[bool]]:
    too_old, unused = SignInSession.expires_at <= now, SignInSession.seen_at <= now - config.current().session_idle_ttl
    return [SignInSession.ended_at.is_(None), too_old | unused]


def _end(session: Session, *conditions: ColumnElement[bool], goes_on: str = "") -> int:
    """End sessions, and tell the apps of each, unless its sign-in `goes_on` in another; returns how many ended."""
    ended = session.scalars(
        update(SignInSession)
        .where(*conditions, SignInSession.ended_at.is_(None))
        .values(ended_at=clock.now())
        .returning(SignInSession.series),
        execution_options={"synchronize_session": False},
    ).all()
    logout_notices.of_sessions(session, [each for each in ended if each != goes_on])
    return len(ended)


def _end_oldest(session: Session, user_id: str) -> None:
    extra = session.scalars(
        select(SignInSession.id)
        .where(*_live(user_id, clock.now()))
        .order_by(SignInSession.seen_at.desc())
        .offset(PARALLEL_SESSIONS - 1)
    ).all()
    if extra:
        _end(session, SignInSession.id.in_(extra))
        audit.record(
            session, "session.ended", target=f"user:{user_id}", owner_id=user_id, reason="too many", count=len(extra)
        )


def _note_seen(row: SignInSession, now: int) -> None:
    if now - row.seen_at < SEEN_EVERY_SECONDS:
        return
    with database.writing() as connection:
        connection.execute(update(SignInSession).where(SignInSession.id == row.id).values(seen_at=now))
