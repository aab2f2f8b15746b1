"""Consents: what people allowed apps, scope by scope and API by API; only what is new is asked again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.grants import grants
from authserver.domain.ground import lists, person_locks
from authserver.domain.record import audit
from authserver.errors import Invalid, NotFound
from authserver.lib import clock, secrets
from authserver.models import AuthorizationRequest, Consent, Grant, User

SHOWN = 20  # people on the page of an app


@dataclass(frozen=True, slots=True)
class Using:
    """Somebody who allows an app something: since when, and when it last acted for them. Times in epoch seconds."""

    user_id: str
    email: str
    granted_at: int
    last_used_at: int | None


def remembered(client: ClientFacts, redirect_uri: str) -> bool:
    """Whether an earlier consent counts: no other program could be answered in the app's place (contract 11.11).

    A secret assures that of no native app: whoever has a copy has it, too (RFC 8252 sections 8.5 and 8.6).
    """
    keeps_a_secret = not (client.public or client.native)
    return not client.self_registered and (keeps_a_secret or redirect_uri.startswith("https://"))


def needed(user_id: str, client: ClientFacts, pending: AuthorizationRequest, scopes: Sequence[str]) -> bool:
    """Whether this person has to be asked before the app gets these scopes."""
    if not remembered(client, pending.redirect_uri):
        return True
    return not client.skip_consent and not _covers(_granted(user_id, client.id), pending, scopes)


def stands(
    session: Session, user_id: str, client: ClientFacts, pending: AuthorizationRequest, scopes: Sequence[str]
) -> bool:
    """Whether nothing `needed` is asked still, in the caller's transaction: taking it back waits for that, or it sees
    that it was taken back.
    """
    if client.skip_consent:
        return True
    row = _locked(session, user_id, client.id)
    return row is not None and row.revoked_at is None and _covers(row.granted, pending, scopes)


def _covers(granted: dict[str, list[str]] | None, pending: AuthorizationRequest, scopes: Sequence[str]) -> bool:
    return granted is not None and all(
        key in granted and set(scopes) <= set(granted[key]) for key in _keys(pending.resources)
    )


def new_scopes(user_id: str, client_id: str, resources: Sequence[str], scopes: Sequence[str]) -> tuple[str, ...]:
    """Those of `scopes` that an app with an earlier consent asks for the first time; none at a first meeting."""
    granted = _granted(user_id, client_id)
    if granted is None:
        return ()
    fresh = {name for resource in _keys(resources) for name in scopes if name not in granted.get(resource, ())}
    return tuple(name for name in scopes if name in fresh)


def record(
    session: Session,
    user_id: str,
    client_id: str,
    *,
    resources: Sequence[str],
    asked: Iterable[str],
    allowed: Sequence[str],
) -> tuple[str, ...]:
    """Merge an answer into what was allowed before, in the caller's transaction; what was unticked is forgotten.

    Returns the scopes that were allowed nowhere before.
    """
    # One consent of a person at a time: two first answers must not both insert.
    person_locks.take(session, user_id)
    row, now = _locked(session, user_id, client_id), clock.now()
    if row is None:
        row = Consent(id=secrets.random_id("cns"), user_id=user_id, client_id=client_id, granted={}, granted_at=now)
        session.add(row)
    elif row.revoked_at is not None:
        row.granted, row.granted_at, row.revoked_at = {}, now, None
    before, unticked = row.granted, set(asked) - set(allowed)
    known = set(row.scopes)
    row.granted = dict(before) | {
        key: [name for name in dict.fromkeys([*before.get(key, ()), *allowed]) if name not in unticked]
        for key in _keys(resources)
    }
    row.updated_at = now
    return tuple(name for name in allowed if name not in known)


def revoke(user_id: str, client_id: str) -> None:
    """Take everything back from an app at once: consent, grants and all their tokens. Raises NotFound."""
    with database.transaction() as session:
        if not _revoke(session, user_id, client_id):
            raise NotFound("You haven't allowed this app anything.")
        record_revoked(session, user_id, client_id)


def narrow(user_id: str, client_id: str, keep: Collection[str]) -> tuple[str, ...]:
    """Take single scopes back at once; what is left of the consent stays. Returns what was taken back.

    Every sign-in of the app ends with them, so that no token holds the rest: the app signs its person in again, and
    is asked about what it lacks. Raises NotFound without a consent, Invalid where nothing would be left.
    """
    with database.transaction() as session:
        row = _locked(session, user_id, client_id)
        if row is None or row.revoked_at is not None:
            raise NotFound("You haven't allowed this app anything.")
        gone = tuple(name for name in row.scopes if name not in keep)
        if gone and len(gone) == len(row.scopes):
            raise Invalid("Nothing would be left. Revoke the app instead, or keep something.")
        if gone:
            row.granted = {key: [name for name in names if name in keep] for key, names in row.granted.items()}
            row.updated_at = clock.now()
            grants.end(session, "consent narrowed", Grant.user_id == user_id, Grant.client_id == client_id)
            audit.record(
                session, "consent.narrowed", target=f"client:{client_id}", owner_id=user_id, client_id=client_id,
                scopes=list(gone),
            )  # fmt: skip
    return gone


def revoke_all(user_id: str) -> int:
    """The same for every app; returns how many there were."""
    with database.transaction() as session:
        revoked = revoke_all_in(session, user_id)
        for client_id in revoked:
            record_revoked(session, user_id, client_id)
    return len(revoked)


def revoke_all_in(session: Session, user_id: str) -> list[str]:
    """The same inside a transaction that records its own events afterwards; the ids of the apps."""
    return [client_id for client_id in _client_ids(session, user_id) if _revoke(session, user_id, client_id)]


def people(client_id: str) -> int:
    """How many people allow this app something now, as `lists.count` counts."""
    with database.reading() as session:
        return lists.count(
            session, select(Consent.id).where(Consent.client_id == client_id, Consent.revoked_at.is_(None))
        )


def newest(client_id: str) -> list[Using]:
    """Those of `people` who allowed it last, at most SHOWN."""
    with database.reading() as session:
        rows = session.execute(
            select(Consent.user_id, User.email, Consent.granted_at)
            .join(User, User.id == Consent.user_id)
            .where(Consent.client_id == client_id, Consent.revoked_at.is_(None))
            .order_by(Consent.granted_at.desc(), Consent.id)
            .limit(SHOWN)
        ).all()
        used = session.execute(
            select(Grant.user_id, func.max(Grant.last_used_at).label("at"))
            .where(Grant.client_id == client_id, Grant.user_id.in_([row.user_id for row in rows]))
            .group_by(Grant.user_id)
        ).all()
    last = {row.user_id: row.at for row in used}
    return [Using(row.user_id, row.email, row.granted_at, last.get(row.user_id)) for row in rows]


def _granted(user_id: str, client_id: str) -> dict[str, list[str]] | None:
    with database.reading() as session:
        return session.scalar(
            select(Consent.granted).where(
                Consent.user_id == user_id, Consent.client_id == client_id, Consent.revoked_at.is_(None)
            )
        )


def _keys(resources: Sequence[str]) -> Sequence[str]:
    return resources or ("",)


def _locked(session: Session, user_id: str, client_id: str) -> Consent | None:
    return session.scalar(
        select(Consent).where(Consent.user_id == user_id, Consent.client_id == client_id).with_for_update()
    )


def _client_ids(session: Session, user_id: str) -> list[str]:
    allowed = select(Consent.client_id).where(Consent.user_id == user_id, Consent.revoked_at.is_(None))
    held = select(Grant.client_id).where(Grant.user_id == user_id, Grant.revoked_at.is_(None))
    return sorted(session.scalars(allowed.union(held)).all())


def _revoke(session: Session, user_id: str, client_id: str) -> bool:
    row = _locked(session, user_id, client_id)
    allowed = row is not None and row.revoked_at is None
    if row is not None and allowed:
        row.revoked_at = clock.now()
    ended = grants.end(session, "consent revoked", Grant.user_id == user_id, Grant.client_id == client_id)
    return bool(ended) or allowed


def record_revoked(session: Session, user_id: str, client_id: str) -> None:
    """The event of an app that lost its access."""
    audit.record(session, "consent.revoked", target=f"client:{client_id}", owner_id=user_id, client_id=client_id)
