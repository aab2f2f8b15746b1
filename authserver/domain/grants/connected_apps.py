"""Connected apps: what a person sees of the apps that they allowed something, or once did."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from sqlalchemy import Row, Select, Text, case, cast, func, select
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.ground import lists
from authserver.domain.ground.lists import Part, Rows
from authserver.errors import NotFound
from authserver.lib import clock
from authserver.models import Client, Consent, Grant, User

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
