"""Consents: what people allowed apps, scope by scope and API by API; only what is new is asked again."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from sqlalchemy import Row, Select, Text, case, cast, func, select
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.grants import grants
from authserver.domain.ground import lists, person_locks
from authserver.domain.ground.lists import Part, Rows
from authserver.domain.record import audit
from authserver.errors import Invalid, NotFound
from authserver.lib import clock, secrets
from authserver.models import AuthorizationRequest, Client, Consent, Grant, User

SIX_MONTHS = 182 * 86_400
EARLIER = 100


@dataclass(frozen=True, slots=True)
class ConnectedApp:
    """One app as its user sees it. Times are epoch seconds; `live_grants` counts its sign-ins that still work."""

    client: Client
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    first_allowed_at: int
    last_used_at: int | None
    live_grants: int
    revoked_at: int | None
    owner_disabled: bool = False
    consented: tuple[str, ...] = ()  # what a consent of theirs remembers; an app that is never asked about has none

    @property
    def stopped(self) -> bool:
        """Whether it can do nothing at all, whatever was allowed: it is disabled, or its owner is."""
        return self.owner_disabled or not self.client.enabled

    @property
    def connected(self) -> bool:
        """Whether it can do anything now, or could without asking."""
        return self.revoked_at is None

    def unused(self, now: int) -> bool:
        """Whether it has not been used for six months."""
        return now - (self.last_used_at or self.first_allowed_at) > SIX_MONTHS


def remembered(client: ClientFacts, redirect_uri: str) -> bool:
    """Whether an earlier consent counts: no other program could be answered in the app's place (contract 11.11)."""
    return not client.self_registered and (not client.public or redirect_uri.startswith("https://"))


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


@dataclass(frozen=True, slots=True)
class _Brief:
    """What an app's place in the list depends on."""

    client_id: str
    connected: bool
    used: int

    @property
    def place(self) -> tuple[bool, int, str]:
        """Connected ones first, last used first."""
        return not self.connected, -self.used, self.client_id


@dataclass(frozen=True, slots=True)
class Connections:
    """Apps of a person: a part of those that are connected, and of those that no longer are the EARLIER last used."""

    connected: Rows[ConnectedApp]
    total: int
    earlier: list[ConnectedApp]
    earlier_total: int


def list_for(user_id: str) -> list[ConnectedApp]:
    """A person's apps: connected ones first, then those revoked; last used first."""
    with database.reading() as session:
        return _filled(session, user_id, [each.client_id for each in _briefs(session, user_id)])


def connections(user_id: str, **part: Unpack[Part]) -> Connections:
    """A person's apps, for a page."""
    with database.reading() as session:
        briefs = _briefs(session, user_id)
        connected = [each for each in briefs if each.connected]
        shown = lists.cut(connected, key=lambda each: each.place, name="connected_apps", part=part)
        gone = [each.client_id for each in briefs if not each.connected]
        ids = [*(each.client_id for each in shown), *(gone[:EARLIER] if shown.first == 1 else ())]
        apps = {app.client.id: app for app in _filled(session, user_id, ids)}
    rows = shown.each(lambda each: apps[each.client_id])
    return Connections(rows, len(connected), [apps[each] for each in gone[:EARLIER] if each in apps], len(gone))


def connected_ids(user_id: str) -> list[str]:
    """The ids of the apps that a person allows something now."""
    with database.reading() as session:
        return [each.client_id for each in _briefs(session, user_id) if each.connected]


def find(user_id: str, client_id: str) -> ConnectedApp:
    """One connected app of this person. Raises NotFound, also for one that is revoked."""
    with database.reading() as session:
        for app in _filled(session, user_id, [client_id]):
            if app.connected:
                return app
    raise NotFound("You haven't allowed this app anything.")


def people(client_id: str) -> int:
    """How many people allow this app something now, as `lists.count` counts."""
    with database.reading() as session:
        return lists.count(
            session, select(Consent.id).where(Consent.client_id == client_id, Consent.revoked_at.is_(None))
        )


def _briefs(session: Session, user_id: str) -> list[_Brief]:
    """Every app of a person in its place, of what the databases add up themselves."""
    held = {row.client_id: row for row in session.execute(_held(user_id).group_by(Grant.client_id))}
    allowed = {
        row.client_id: row
        for row in session.execute(
            select(Consent.client_id, Consent.granted_at, Consent.revoked_at).where(Consent.user_id == user_id)
        )
    }
    found = []
    for client_id in {*held, *allowed}:
        grant, consent = held.get(client_id), allowed.get(client_id)
        first = consent.granted_at if consent else grant.first if grant else 0
        connected = bool(grant and grant.live) or bool(consent and consent.revoked_at is None)
        found.append(_Brief(client_id, connected, (grant.used if grant else None) or first))
    return sorted(found, key=lambda each: each.place)


def _held(user_id: str) -> Select[*tuple[Any, ...]]:
    """Sign-ins of a person: how many live, when the first was and the last use, when the last ended."""
    live = (Grant.revoked_at.is_(None)) & (Grant.expires_at > clock.now())
    return select(
        Grant.client_id,
        func.sum(case((live, 1), else_=0)).label("live"),
        func.min(Grant.created_at).label("first"),
        func.max(Grant.last_used_at).label("used"),
        func.max(func.coalesce(Grant.revoked_at, Grant.expires_at)).label("ended"),
    ).where(Grant.user_id == user_id)


def _filled(session: Session, user_id: str, ids: Sequence[str]) -> list[ConnectedApp]:
    """These of a person's apps, with what they may do."""
    if not ids:
        return []
    mine = lists.unindexed(Grant.client_id).in_(ids)
    held = {row.client_id: row for row in session.execute(_held(user_id).where(mine).group_by(Grant.client_id))}
    consented = select(Consent).where(Consent.user_id == user_id, Consent.client_id.in_(ids))
    rows = {row.client_id: row for row in session.scalars(consented)}
    may = _allowed_by_sign_ins(session, user_id, ids)
    with_owners = select(Client, User.disabled_at).outerjoin(User, User.id == Client.owner_id).where(Client.id.in_(ids))
    apps = {row.id: (row, off is not None) for row, off in session.execute(with_owners)}
    return [
        _connected(*apps[each], rows.get(each), held.get(each), may.get(each, ((), ())))
        for each in ids
        if each in apps and (each in rows or each in held)
    ]


def _allowed_by_sign_ins(session: Session, user_id: str, ids: Sequence[str]) -> dict[str, tuple[list[str], list[str]]]:
    """Scopes and resources of live sign-ins, by app: as texts, of which there are few different ones."""
    scopes, resources = cast(Grant.scopes, Text), cast(Grant.resources, Text)
    live = [Grant.revoked_at.is_(None), Grant.expires_at > clock.now(), lists.unindexed(Grant.client_id).in_(ids)]
    found: dict[str, tuple[list[str], list[str]]] = {}
    wanted = select(Grant.client_id, scopes, resources).where(Grant.user_id == user_id, *live).distinct()
    for client_id, names, places in session.execute(wanted.order_by(Grant.client_id, scopes, resources)):
        had = found.setdefault(client_id, ([], []))
        had[0].extend(json.loads(names))
        had[1].extend(json.loads(places))
    return found


def _connected(
    client: Client,
    owner_disabled: bool,
    row: Consent | None,
    held: Row[Any] | None,
    may: tuple[Sequence[str], Sequence[str]],
) -> ConnectedApp:
    live = held.live if held else 0
    allowed = row is not None and row.revoked_at is None
    return ConnectedApp(
        client=client,
        owner_disabled=owner_disabled,
        scopes=tuple(dict.fromkeys([*(row.scopes if row else ()), *may[0]])),
        resources=tuple(dict.fromkeys([*(row.resources if row else ()), *may[1]])),
        first_allowed_at=row.granted_at if row else held.first if held else 0,
        last_used_at=held.used if held else None,
        live_grants=live,
        consented=tuple(row.scopes) if allowed and row is not None and not client.skip_consent else (),
        revoked_at=None if allowed or live else (row.revoked_at if row else None) or (held.ended if held else 0),
    )


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
