"""Grants: what a person allowed one app in one sign-in; every code and token of it lives and dies with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from sqlalchemy import ColumnElement, Select, literal_column, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from authserver import config, database
from authserver.domain.access import resources, scopes
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.grants import logout_notices, session_ids, subjects
from authserver.domain.ground import lists
from authserver.domain.ground.lists import Part, Rows
from authserver.domain.record import audit
from authserver.errors import Check, Denied, Invalid, NotFound
from authserver.lib import clock, secrets
from authserver.models import Client, User
from authserver.models import Grant as Grant  # what pages and the API are handed
from authserver.models.people import user as users

OF_GRANT: tuple[InstrumentedAttribute[Any], ...] = (
    Grant.id, Grant.client_id, Grant.user_id, Grant.subject, Grant.session_id, Grant.sid, Grant.scopes, Grant.resources,
    Grant.auth_time, Grant.amr, Grant.nonce, Grant.requested_claims, Grant.created_at, Grant.expires_at,
    Grant.revoked_at,
)  # fmt: skip
OF_USER: tuple[InstrumentedAttribute[Any], ...] = (
    User.email, User.chosen_name, User.given_name, User.family_name, User.username, User.person_updated_at,
    User.email_verified_at, User.role, User.disabled_at, User.tokens_not_before, User.standard_claims,
)  # fmt: skip
# Why a grant ends by an event of misuse. It says nothing about the person: they are still signed in to the app.
MISUSED = {
    "code.replayed": "code replayed", "device_code.replayed": "device code replayed",
    "refresh_token.reused": "refresh token reused",
}  # fmt: skip
NAMED = 20  # apps of one sign-in session
COLUMNS = OF_GRANT + OF_USER
# As rows of a connection name them: the columns' own names, which are not all those of the attributes.
_STORED_AS: tuple[str, ...] = tuple(column.expression.name for column in COLUMNS)


@dataclass(frozen=True, slots=True)
class GrantFacts:
    """A grant and the person behind it, read in the statement that found a code or token."""

    id: str
    client_id: str
    user_id: str
    subject: str | None
    session_id: str | None
    told_sid: str | None
    scopes: list[str]
    resources: list[str]
    auth_time: int
    amr: list[str]
    nonce: str | None
    requested_claims: dict[str, list[str]]
    created_at: int
    expires_at: int
    revoked_at: int | None
    email: str
    chosen_name: str
    given_name: str
    family_name: str
    username: str
    person_updated_at: int
    email_verified_at: int | None
    role: str
    disabled_at: int | None
    tokens_not_before: int
    standard_claims: dict[str, Any]

    @property
    def sub(self) -> str:
        """What its app knows the person by (OpenID Connect Core 8)."""
        return self.subject or self.user_id

    @property
    def sid(self) -> str | None:
        """What its app knows the sign-in by; None for what belongs to no session."""
        return self.told_sid or self.session_id

    @property
    def name(self) -> str:
        """What the person is called."""
        return self.chosen_name or users.composed(self.given_name, self.family_name)

    def alive(self, issued_at: int, now: int) -> bool:
        """Whether something issued under it at `issued_at` may still be used."""
        return self.ended(issued_at, now) is None

    def ended(self, issued_at: int, now: int) -> Check | None:
        """Why something issued under it at `issued_at` may not be used any more; None if it may."""
        if self.disabled_at is not None:
            return Check("person", False, "enabled", "disabled")
        if self.revoked_at is not None:
            return Check("not revoked", False, "in use", "the sign-in or the consent it came from was ended")
        if issued_at < self.tokens_not_before:
            return Check("not revoked", False, "issued after all of the person's tokens ended", "issued before")
        if self.expires_at <= now:
            return Check("sign-in", False, "not past its longest life", "ended")
        return None


def facts(row: Any) -> GrantFacts:
    """The facts in a row that holds COLUMNS."""
    return GrantFacts(*(getattr(row, name) for name in _STORED_AS))


def selected(*more: Any) -> Select[Any]:
    """A SELECT of COLUMNS from grants and their people, and of `more` columns; the caller joins and narrows."""
    return select(*COLUMNS, *more).join_from(Grant, User, User.id == Grant.user_id)


def looked_up() -> list[ColumnElement[Any]]:
    """COLUMNS for the RETURNING of an UPDATE of a table with `grant_id`, so that SQLite needs no further statement.

    As text, because SQLAlchemy drops the tables' names from a RETURNING on SQLite, also inside subqueries.
    """
    joined = "FROM grants JOIN users ON users.id = grants.user_id WHERE grants.id = grant_id"
    return [
        literal_column(f"(SELECT {column.class_.__tablename__}.{name} {joined})", column.type).label(name)
        for column, name in zip(COLUMNS, _STORED_AS, strict=True)
    ]


def create(
    session: Session,
    *,
    client_id: str,
    user_id: str,
    session_id: str | None,
    scopes: Iterable[str],
    resources: Iterable[str],
    auth_time: int,
    amr: Iterable[str],
    nonce: str | None,
    requested_claims: Mapping[str, list[str]] | None = None,
) -> Grant:
    """Record, in the caller's transaction, what was allowed. `expires_at` is the absolute end of its refresh tokens."""
    now = clock.now()
    grant = Grant(
        id=secrets.random_id("gr"),
        client_id=client_id,
        user_id=user_id,
        subject=subjects.assign(session, client_id, user_id),
        session_id=session_id,
        sid=session_ids.of(session_id, client_id) if session_id else None,
        scopes=list(scopes),
        resources=list(resources),
        auth_time=auth_time,
        amr=list(amr),
        nonce=nonce,
        requested_claims=dict(requested_claims or {}),
        created_at=now,
        expires_at=now + config.current().refresh_token_max_ttl,
    )
    session.add(grant)
    session.flush()
    return grant


def live_for(user_id: str) -> list[Grant]:
    """A person's grants that still work, newest first."""
    with database.reading() as session:
        return list(
            session.scalars(
                select(Grant)
                .where(Grant.user_id == user_id, Grant.revoked_at.is_(None), Grant.expires_at > clock.now())
                .order_by(Grant.created_at.desc())
            )
        )


def apps_of_sessions(session_ids: Sequence[str]) -> dict[str, list[str]]:
    """Names of the apps that were signed in to through each of these sign-in sessions, and still are: NAMED at most."""
    if not session_ids:
        return {}
    live = [Grant.revoked_at.is_(None), Grant.expires_at > clock.now()]
    each = [
        select(Grant.session_id, Client.name)
        .join(Client, Client.id == Grant.client_id)
        .where(Grant.session_id == id, *live)
        .distinct()
        .order_by(Client.name)
        .limit(NAMED)
        for id in session_ids
    ]
    found: dict[str, list[str]] = {}
    with database.reading() as session:
        for session_id, name in session.execute(lists.together(each)):
            found.setdefault(session_id, []).append(name)
    return found


def page(user_id: str | None, **part: Unpack[Part]) -> tuple[Rows[Grant], int]:
    """A person's (None: everybody's) grants that still work, newest first, and how many (`lists.read`)."""
    conditions = [Grant.revoked_at.is_(None), Grant.expires_at > clock.now()]
    if user_id is not None:
        conditions.append(Grant.user_id == user_id)
    with database.reading() as session:
        return lists.read(
            session, select(Grant).where(*conditions), by=(Grant.created_at, Grant.id), name="grants", part=part
        )


def get(user_id: str | None, grant_id: str) -> Grant:
    """One grant of a person (None: anybody's) that still works; raises NotFound."""
    with database.reading() as session:
        grant = session.get(Grant, grant_id)
    if grant is None or user_id not in (None, grant.user_id):
        raise NotFound("There is no such grant.")
    if grant.revoked_at is not None or grant.expires_at <= clock.now():
        raise NotFound("There is no such grant.")
    return grant


def revoke(grant_id: str, because: str) -> bool:
    """End one grant and everything issued under it; False if it had ended before."""
    with database.transaction() as session:
        ended = end(session, because, Grant.id == grant_id)
        for each in ended:
            audit.record(
                session,
                "token.revoked",
                target=f"grant:{each.id}",
                owner_id=each.user_id,
                client_id=each.client_id,
                reason=because,
            )
    return bool(ended)


def end_misused(session: Session, event: str, *which: ColumnElement[bool]) -> None:
    """End what somebody got with a code or token that came back spent; `event` is one of MISUSED, and is recorded."""
    for ended in end(session, MISUSED[event], *which):
        about = {"target": f"grant:{ended.id}", "owner_id": ended.user_id, "client_id": ended.client_id}
        audit.record(session, event, **about, result="refused")


def end(session: Session, because: str, *which: ColumnElement[bool]) -> list[Any]:
    """End grants inside a transaction that records its own event; returns id, user_id and client_id of each.

    Locked in one order: those of a person and those of an app may be ended at the same time.
    """
    ending = select(Grant.id).where(Grant.revoked_at.is_(None), *which).order_by(Grant.id).with_for_update()
    ended = list(
        session.execute(
            update(Grant)
            .where(Grant.id.in_(ending))
            .values(revoked_at=clock.now(), revoked_because=because)
            .returning(Grant.id, Grant.user_id, Grant.client_id)
            .execution_options(synchronize_session=False)
        )
    )
    if because not in MISUSED.values():
        logout_notices.of_grants(session, [each.id for each in ended])
    return ended


def effective_scopes(grant: GrantFacts, client: ClientFacts, asked: Iterable[str] | None = None) -> tuple[str, ...]:
    """What of the grant's scopes may be used now: the app still has them, and the person may hold them (11.1)."""
    wanted = grant.scopes if asked is None else [name for name in asked if name in grant.scopes]
    return scopes.held_by(grant.role, (name for name in wanted if name in client.scopes))


def narrowed_resources(grant: GrantFacts, client: ClientFacts, asked: Iterable[str]) -> tuple[str, ...]:
    """The audiences of a token: those asked for, else those of the grant (RFC 8707 section 2.2).

    Raises Invalid for one that the grant lacks, Denied if nothing of the grant's is left: a token never falls
    back to a wider audience.
    """
    wanted = tuple(asked) or tuple(grant.resources)
    own = resources.own()
    allowed = grant.resources or own
    if any(each not in allowed for each in wanted):
        text = "The resource is not among those that were granted. Ask for one of them, or leave resource out."
        raise Invalid(text, field="resource").because(
            Check("resource", False, " or ".join(allowed), " ".join(each for each in wanted if each not in allowed))
        )
    left = tuple(each for each in wanted if each in own or _available(each, client))
    if wanted and not left:
        gone = Check("resource", False, "one that still exists and is assigned to the app", " ".join(wanted))
        raise Denied("The resource is gone.", "no resource of the grant is left").because(gone)
    return left


def _available(resource: str, client: ClientFacts) -> bool:
    return resource in client.resources and resources.find(resource) is not None
