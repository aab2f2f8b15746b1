"""Initial access tokens: with one, somebody registers so many apps, and so long (RFC 7591 section 3)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from authserver import config, database
from authserver.domain.ground import makers
from authserver.domain.record import audit
from authserver.errors import Invalid, NotFound
from authserver.lib import clock, secrets
from authserver.models import RegistrationToken as RegistrationToken  # what pages and the API are handed
from authserver.observability import context

DAY = 86_400
DEFAULT_USES, MAX_USES = 1, 10_000
DEFAULT_LIFETIME, MAX_LIFETIME = 7 * DAY, 365 * DAY
KIND = "iat"


def create(*, uses: int = DEFAULT_USES, expires_in: int = DEFAULT_LIFETIME) -> tuple[RegistrationToken, str]:
    """A new token, good for `uses` registrations within `expires_in` seconds, and once its value. Raises Invalid."""
    problems = {}
    if not 1 <= uses <= MAX_USES:
        problems["uses"] = f"Enter a number from 1 to {MAX_USES}."
    if not 60 <= expires_in <= MAX_LIFETIME:
        problems["expires_in"] = "Enter at least a minute and at most 365 days."
    if problems:
        raise Invalid("Check the token.", problems=problems)
    value, now = secrets.generate(config.current().slug, KIND), clock.now()
    row = RegistrationToken(
        id=secrets.random_id("iat_"),
        digest=secrets.digest(value),
        hint=secrets.hint(value),
        uses=uses,
        used=0,
        created_by=context.current().actor[:64],
        created_at=now,
        expires_at=now + expires_in,
    )
    with database.transaction() as session:
        session.add(row)
        audit.record(
            session, "registration_token.created", target=f"registration_token:{row.id}", hint=row.hint, uses=uses,
            expires_at=row.expires_at,
        )  # fmt: skip
    return row, value


def all() -> Sequence[RegistrationToken]:
    """Every one that was not purged, newest first."""
    with database.reading() as session:
        newest = RegistrationToken.created_at.desc(), RegistrationToken.id
        return session.scalars(select(RegistrationToken).order_by(*newest).limit(1000)).all()


def get(id: str) -> RegistrationToken:
    """One of them. Raises NotFound."""
    with database.reading() as session:
        row = session.get(RegistrationToken, id)
    if row is None:
        raise NotFound("There is no such token.")
    return row


def status(row: RegistrationToken) -> str:
    """active, used up, expired, revoked, or idle: whoever made it has not now what it takes to make one."""
    if row.revoked_at is not None:
        return "revoked"
    if row.expires_at <= clock.now():
        return "expired"
    if row.used >= row.uses:
        return "used up"
    with database.reading() as session:
        return "active" if makers.stands(session, row.created_by, row.created_at) else "idle"


def revoke(id: str, *, because: str = "") -> None:
    """End a token at once; apps that were registered with it stay. Doing it twice is no error. Raises NotFound."""
    with database.transaction() as session:
        row = session.scalar(select(RegistrationToken).where(RegistrationToken.id == id).with_for_update())
        if row is None:
            raise NotFound("There is no such token.")
        if row.revoked_at is None:
            row.revoked_at = clock.now()
            record_revoked(session, row, because)


def end_all_of(session: Session, maker: str) -> list[RegistrationToken]:
    """End for good what this maker made, inside a transaction that records its own events (`record_revoked`)."""
    theirs = select(RegistrationToken).where(
        RegistrationToken.created_by == maker, RegistrationToken.revoked_at.is_(None)
    )
    rows = list(session.scalars(theirs.order_by(RegistrationToken.id).with_for_update()))
    for row in rows:
        row.revoked_at = clock.now()
    return rows


def record_revoked(session: Session, row: RegistrationToken, because: str = "") -> None:
    """The event of a token that was ended."""
    target = f"registration_token:{row.id}"
    audit.record(session, "registration_token.revoked", target=target, hint=row.hint, reason=because)


def end_leaked(presented: str, because: str) -> RegistrationToken | None:
    """End the token that somebody shows who should not have it; None if there is none, or it has ended."""
    known = (RegistrationToken.digest == secrets.digest(presented), RegistrationToken.revoked_at.is_(None))
    with database.reading() as session:
        row = session.scalar(select(RegistrationToken).where(*known))
    if row is not None:
        revoke(row.id, because=because)
    return row


def is_good(presented: str) -> bool:
    """Whether a registration with it would be let in now; nothing is spent."""
    if secrets.kind_of(presented) != KIND:
        return False
    with database.reading() as session:
        return _stands(session, presented)


def spend(presented: str) -> str | None:
    """Take one use, in one statement; the token's id, or None if it is not good any more."""
    with database.transaction() as session:
        if not _stands(session, presented):
            return None
        taken = update(RegistrationToken).where(*_good(presented)).values(used=RegistrationToken.used + 1)
        return session.scalar(taken.returning(RegistrationToken.id), execution_options={"synchronize_session": False})


def _stands(session: Session, presented: str) -> bool:
    made = select(RegistrationToken.created_by, RegistrationToken.created_at).where(*_good(presented))
    row = session.execute(made).one_or_none()
    return row is not None and makers.stands(session, row.created_by, row.created_at)


def _good(presented: str) -> tuple[ColumnElement[bool], ...]:
    return (
        RegistrationToken.digest == secrets.digest(presented),
        RegistrationToken.revoked_at.is_(None),
        RegistrationToken.expires_at > clock.now(),
        RegistrationToken.used < RegistrationToken.uses,
    )
