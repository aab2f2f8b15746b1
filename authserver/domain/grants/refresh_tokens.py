"""Refresh tokens: rotated, in families that end together when a spent one comes back (RFC 9700 section 4.14)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, LargeBinary, String, bindparam, func, insert, select, update
from sqlalchemy.orm import Session, aliased

from authserver import config, database
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.grants import grants
from authserver.domain.grants.grants import GrantFacts
from authserver.errors import Check, Denied, Invalid
from authserver.hot_statements import HotStatement
from authserver.lib import clock, durations, sealing, secrets
from authserver.lib import scopes as grammar
from authserver.models import Grant, RefreshToken, User
from authserver.observability import metrics

GRANT = "refresh_token"
# The answer is the same whatever was wrong; the detail is for the log.
REFUSAL = "The refresh token is not valid."
_GOOD = "the newest one of this client's sign-in, alive"


@dataclass(frozen=True, slots=True)
class Rotated:
    """The grant of a family, and its next refresh token."""

    grant: GrantFacts
    refresh_token: str


def start(session: Session, grant: GrantFacts, client: ClientFacts) -> str | None:
    """The first refresh token of a grant, for an app that uses them (contract 11.6), in the caller's transaction."""
    if not client.may_use(GRANT):
        return None
    token = secrets.generate(config.current().slug, "rt")
    _store(session, token, grant.id, client.id, grant.expires_at)
    return token


def rotate(presented: str, client: ClientFacts, *, scopes: tuple[str, ...], resources: tuple[str, ...]) -> Rotated:
    """Spend a refresh token for the next one: one statement on PostgreSQL, two on SQLite.

    `scopes` and `resources` narrow the access token, not the family; what exceeds the grant is refused before
    anything is spent. Raises Invalid for that, else Denied with one public text for every cause.
    """
    if secrets.kind_of(presented) != "rt":
        raise _refused("malformed")
    if scopes or resources:
        _require_granted(presented, client, scopes, resources)
    successor = secrets.generate(config.current().slug, "rt")
    row = _spend(presented, successor, client)
    if row is not None:
        return Rotated(grants.facts(row), successor)
    return _judge_unusable(presented, client)


def find(presented: str) -> Any:
    """A refresh token's row with the columns of its grant, spent ones too; None if unknown. One statement."""
    return _FIND.one_or_none(presented=secrets.digest(presented))


# Statements are built once: for SQLAlchemy that costs more than running them.

_ALIVE = (
    select(Grant.id)
    .join(User, User.id == Grant.user_id)
    .where(
        Grant.id == RefreshToken.grant_id,
        Grant.revoked_at.is_(None),
        Grant.expires_at > bindparam("now"),
        User.disabled_at.is_(None),
        User.tokens_not_before <= RefreshToken.issued_at,
    )
    .exists()
)
# Spends a good token and seals its successor with it; changes one row or none.
_SPEND = (
    update(RefreshToken)
    .where(
        RefreshToken.digest == bindparam("presented"),
        RefreshToken.client_id == bindparam("client"),
        RefreshToken.used_us.is_(None),
        RefreshToken.expires_at > bindparam("now"),
        RefreshToken.issued_at >= bindparam("not_before"),
        _ALIVE,
    )
    .values(used_us=bindparam("now_us"), successor=bindparam("next_digest"), successor_sealed=bindparam("next_sealed"))
)
_SPEND_ON_SQLITE = _SPEND.returning(*grants.looked_up())


def _spend_and_mint() -> Any:
    """Both halves of a rotation in one statement, which SQLite has no words for."""
    spent = _SPEND.returning(RefreshToken.grant_id).cte("spent")
    minted = insert(RefreshToken).from_select(
        ["digest", "grant_id", "client_id", "issued_at", "expires_at"],
        select(
            bindparam("next_digest", type_=LargeBinary),
            spent.c.grant_id,
            bindparam("client", type_=String),
            bindparam("now", type_=BigInteger),
            func.least(bindparam("idle_end", type_=BigInteger), Grant.expires_at),
        ).join_from(spent, Grant, Grant.id == spent.c.grant_id),
        include_defaults=False,
    )
    return grants.selected().join(spent, spent.c.grant_id == Grant.id).add_cte(minted.cte("minted"))


_SPEND_ON_POSTGRESQL = HotStatement(_spend_and_mint())
_HEIR = aliased(RefreshToken)
_FIND = HotStatement(
    grants.selected(
        RefreshToken.client_id.label("token_client_id"),
        RefreshToken.issued_at,
        RefreshToken.expires_at.label("token_expires_at"),
        RefreshToken.used_us,
        RefreshToken.successor_sealed,
        _HEIR.used_us.label("successor_used_us"),
    )
    .join(RefreshToken, RefreshToken.grant_id == Grant.id)
    .outerjoin(_HEIR, _HEIR.digest == RefreshToken.successor)
    .where(RefreshToken.digest == bindparam("presented"))
)


def _spend(presented: str, successor: str, client: ClientFacts) -> Any:
    """Rotate, atomically: the row of the grant, or None if the token cannot be spent."""
    now = clock.now()
    values = {
        "presented": secrets.digest(presented),
        "client": client.id,
        "not_before": client.tokens_not_before,
        "now": now,
        "now_us": clock.now_us(),
        "next_digest": secrets.digest(successor),
        "next_sealed": sealing.seal_with_token(presented, successor),
    }
    if database.dialect() == "postgresql":
        values["idle_end"] = now + config.current().refresh_token_idle_ttl
        return _SPEND_ON_POSTGRESQL.one_or_none(**values)
    with database.transaction() as session:
        row = session.connection().execute(_SPEND_ON_SQLITE, values).one_or_none()
        if row is not None:
            _store(session, successor, row.id, client.id, row.expires_at)
    return row


def _store(session: Session, token: str, grant_id: str, client_id: str, grant_expires_at: int) -> None:
    now = clock.now()
    row = {
        "digest": secrets.digest(token),
        "grant_id": grant_id,
        "client_id": client_id,
        "issued_at": now,
        "expires_at": min(now + config.current().refresh_token_idle_ttl, grant_expires_at),
    }
    session.connection().execute(insert(RefreshToken), row)


def _require_granted(presented: str, client: ClientFacts, scopes: tuple[str, ...], resources: tuple[str, ...]) -> None:
    row = find(presented)
    if foreign := _foreign(row, client):
        raise _refused(foreign)
    grant = grants.facts(row)
    if not set(scopes) <= set(grant.scopes):
        text = "The scope is wider than what was granted. Ask for a part of it, or leave scope out."
        raise Invalid(text, field="scope").because(
            Check("scope", False, grammar.join(grant.scopes), grammar.join(scopes))
        )
    grants.narrowed_resources(grant, client, resources)


def _judge_unusable(presented: str, client: ClientFacts) -> Rotated:
    """A token that could not be spent: a retry within the grace gets the same successor, a late one ends the family."""
    with database.transaction() as session:
        row = session.connection().execute(_FIND.statement, {"presented": secrets.digest(presented)}).one_or_none()
        foreign = _foreign(row, client)
        if row is None or foreign:
            raise _refused(foreign)
        if ended := _ended(row, client):
            raise Denied(REFUSAL, f"{ended.check}: {ended.received}").because(ended)
        if _within_grace(row):
            successor = sealing.open_with_token(presented, row.successor_sealed)
            if successor is not None:
                return Rotated(grants.facts(row), successor)
            problem = "the successor cannot be opened"
        elif row.used_us is None:
            problem = "not yet visible"  # cannot happen on one database; refusing is safe, the token stays good
        else:
            problem = "spent before: used again after its grace, so that the whole sign-in was ended"
            metrics.REFRESH_REUSE.inc()
            _end_family(session, row)
    raise _refused(problem)


def _refused(problem: str) -> Denied:
    return Denied(REFUSAL, problem).because(Check("refresh token", False, _GOOD, problem))


def _foreign(row: Any, client: ClientFacts) -> str:
    """Why a token is nobody's, or not this client's; empty if it is."""
    if row is None:
        return "unknown: never made here, or ended long ago"
    return "issued to another client" if row.token_client_id != client.id else ""


def _ended(row: Any, client: ClientFacts) -> Check | None:
    """Why a token of this client may not be used any more, spent or not; None if it may."""
    if row.issued_at < client.tokens_not_before:
        return Check("not revoked", False, "issued after all tokens of the app ended", "issued before")
    now = clock.now()
    if ended := grants.facts(row).ended(row.issued_at, now):
        return ended
    if row.used_us is None and row.token_expires_at <= now:
        idle = durations.in_words(config.current().refresh_token_idle_ttl)
        return Check("expiry", False, f"used within {idle}", f"unused until {durations.iso(row.token_expires_at)}")
    return None


def _within_grace(row: Any) -> bool:
    """The grace ends early once the successor was used itself: then both are known to two parties."""
    if row.used_us is None or row.successor_used_us is not None:
        return False
    age = clock.now_us() - int(row.used_us)
    # A clock that was set back opens no grace again: what was spent in its future was not spent a moment ago.
    return -clock.NEAR * 1_000_000 < age < config.current().refresh_grace * 1_000_000


def _end_family(session: Session, row: Any) -> None:
    grants.end_misused(session, "refresh_token.reused", Grant.id == row.id)
