"""Secrets of clients: made by us, shown once, stored as digests, replaced with an overlap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from authserver import config, database
from authserver.domain.ground import cache, person_locks
from authserver.domain.record import audit
from authserver.errors import Conflict, Denied, Invalid, NotFound
from authserver.lib import clock, secrets
from authserver.models import Client, ClientSecret, User
from authserver.observability import context

OVERLAPS = {"now": 0, "1h": 3_600, "24h": 86_400, "3d": 3 * 86_400, "7d": 7 * 86_400}
DEFAULT_OVERLAP = "24h"
MAX_OVERLAP = max(OVERLAPS.values())
MAX_ACTIVE = 2


@dataclass(frozen=True, slots=True)
class Rotation:
    """The new secret, once, and until when (epoch seconds) the one before still works; None: no longer."""

    secret: str
    previous_ends_at: int | None


def add(session: Session, client_id: str) -> str:
    """A new secret for a client, inside the caller's transaction; returned once."""
    secret = secrets.generate(config.current().slug, "cs")
    session.add(
        ClientSecret(
            id=secrets.random_id("cs_"),
            client_id=client_id,
            digest=secrets.digest(secret),
            hint=secrets.hint(secret),
            created_at=clock.now(),
            created_by=context.current().actor[:64],
            last_used_ip="",
        )
    )
    session.flush()
    return secret


def rotate(by: User | None, client_id: str, overlap: int, *, force: bool = False) -> Rotation:
    """Make a new secret; the present one works for `overlap` more seconds.

    While an earlier overlap is open the rotation is refused, unless forced: then the oldest secret ends at once.
    `by` None is the command line. Raises NotFound, Conflict, Invalid.
    """
    if not 0 <= overlap <= MAX_OVERLAP:
        raise Invalid("Choose how long the old secret works on.", field="overlap")
    with database.transaction() as session:
        client = _client(session, by, client_id)
        now = clock.now()
        active = _active(session, client_id, now)
        if len(active) >= MAX_ACTIVE and not force:
            raise Conflict("A rotation is still open: two secrets work. End the old one first, or force it.")
        for old in active[1:]:
            old.revoked_at = now
        ends_at = None
        if active:
            # An overlap never lengthens the life of a secret that was about to end.
            ends_at = min(now + overlap, active[0].expires_at or now + overlap)
            active[0].expires_at = ends_at
        secret = add(session, client_id)
        ends_at = ends_at if ends_at is not None and ends_at > now else None
        _changed(session, client, "client.secret_rotated", previous_ends_at=ends_at, forced=len(active) >= MAX_ACTIVE,
                 hint=secrets.hint(secret))  # fmt: skip
    return Rotation(secret, ends_at)


def revoke(by: User | None, client_id: str, secret_id: str) -> None:
    """End one secret at once. Raises NotFound, and Conflict for the last one that works."""
    with database.transaction() as session:
        client = _client(session, by, client_id)
        active = _active(session, client_id, clock.now())
        row = next((each for each in active if each.id == secret_id), None)
        if row is None:
            raise NotFound("There is no such secret.")
        if len(active) == 1:
            raise Conflict("This is the last secret that works. Rotate it instead, with the old one ending now.")
        row.revoked_at = clock.now()
        _changed(session, client, "client.secret_revoked", hint=row.hint)


def of(client_id: str) -> list[ClientSecret]:
    """Every secret of a client, newest first, ended ones too."""
    with database.reading() as session:
        return list(
            session.scalars(
                select(ClientSecret)
                .where(ClientSecret.client_id == client_id)
                .order_by(ClientSecret.created_at.desc(), ClientSecret.expires_at.is_not(None), ClientSecret.id)
                .limit(50)
            )
        )


def active(client_id: str) -> list[ClientSecret]:
    """The secrets that work now, newest first: at most two."""
    with database.reading() as session:
        return _active(session, client_id, clock.now())


def _client(session: Session, by: User | None, client_id: str) -> Client:
    if by is not None:
        person_locks.take(session, by.id)  # as `ownership.locked` does
    row = session.scalar(select(Client).where(Client.id == client_id).with_for_update(key_share=True))
    if row is None or row.deleted_at is not None or (by is not None and not by.is_admin and row.owner_id != by.id):
        raise NotFound("There is no such app.")
    if row.public:
        raise Denied("An app of this kind has no secret.")
    return row


def _active(session: Session, client_id: str, now: int) -> list[ClientSecret]:
    # The one without an end is the newest, also when two were made in the same second.
    return list(
        session.scalars(
            select(ClientSecret)
            .where(
                ClientSecret.client_id == client_id,
                ClientSecret.revoked_at.is_(None),
                (ClientSecret.expires_at.is_(None)) | (ClientSecret.expires_at > now),
            )
            .order_by(ClientSecret.expires_at.is_not(None), ClientSecret.created_at.desc())
        )
    )


def _changed(session: Session, client: Client, event: str, **data: Any) -> None:
    cache.touch(session, "clients", [client.id])
    audit.record(session, event, target=f"client:{client.id}", owner_id=client.owner_id, client_id=client.id, **data)
