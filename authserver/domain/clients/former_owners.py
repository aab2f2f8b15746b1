"""What a former owner holds of an app: it ends with the transfer, or 24 hours later (contract 11.38)."""

from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from authserver.domain.access import scopes
from authserver.domain.clients import directory as client_directory
from authserver.domain.clients import endings, privileges
from authserver.domain.ground import cache
from authserver.lib import clock
from authserver.models import Client, ClientSecret, Grant, User

DAY = 86_400


def end(session: Session, row: Client, why: str = "client transferred") -> None:
    """End every secret, key and token of an app at once, for a transaction that records its own event."""
    live = (ClientSecret.client_id == row.id, ClientSecret.revoked_at.is_(None))
    session.execute(update(ClientSecret).where(*live).values(revoked_at=clock.now()))
    row.jwks, row.jwks_uri, row.keys_end_at = None, None, None
    row.registration_digest = None
    row.shared_until, row.former_owner_id = None, None
    endings.end_tokens(session, row, why)


def keep(session: Session, row: Client, former_id: str | None) -> None:
    """Let them work for 24 hours more; meanwhile the app acts in nobody's name, and what they get ends with them.

    For a transaction that records its own event, before it makes the new owner's secret.
    """
    _end_shared(session, row)
    ends = clock.now() + DAY
    row.shared_until, row.former_owner_id = ends, former_id
    row.registration_digest = None  # it changes the app, which is the new owner's
    outliving = func.coalesce(ClientSecret.expires_at, ends + 1) > ends
    session.execute(
        update(ClientSecret)
        .where(ClientSecret.client_id == row.id, ClientSecret.revoked_at.is_(None), outliving)
        .values(expires_at=ends)
    )
    if row.jwks or row.jwks_uri:
        row.keys_end_at = min(row.keys_end_at or ends, ends)
    session.execute(
        update(Grant).where(*client_directory.live(row.id), Grant.expires_at > ends).values(expires_at=ends)
    )


def cannot_keep(row: Client, former: User | None, to: User) -> str:
    """Why a former owner's secrets must not work on, in a sentence; empty if they may.

    Under the new owner they would open more than they did: an app that was stopped, or what counts for administrators.
    """
    if former is None or (former.is_admin and former.disabled_at is None):
        return ""
    if former.disabled_at is not None:
        return "The former owner's account is disabled, so what they hold of the app ends now."
    known = scopes.all()
    more = privileges.held(row, former.id) or any(name in known and known[name].admin_only for name in row.scopes)
    if to.is_admin and more:
        return "Under your name this app may do what its former owner could not, so what they hold of it ends now."
    return ""


def end_kept(session: Session, former_id: str) -> None:
    """End what a person still holds of apps that were theirs: they are disabled, deleted, or an administrator no more.

    For a transaction that holds their lock and records its own event. The new owners' secrets work on.
    """
    kept = select(Client).where(Client.former_owner_id == former_id).order_by(Client.id)
    for row in session.scalars(kept.with_for_update(key_share=True)):
        until = row.shared_until or 0
        _end_shared(session, row)
        row.shared_until, row.former_owner_id = None, None
        theirs = (ClientSecret.created_at <= until - DAY, ClientSecret.expires_at <= until)
        session.execute(
            update(ClientSecret)
            .where(ClientSecret.client_id == row.id, ClientSecret.revoked_at.is_(None), *theirs)
            .values(revoked_at=clock.now())
        )
        if row.keys_end_at is not None:
            row.jwks, row.jwks_uri, row.keys_end_at = None, None, None
        cache.touch(session, "clients", [row.id])


def _end_shared(session: Session, row: Client) -> None:
    """What was issued while two could open an app ends, now or when that was over."""
    if row.shared_until is None:
        return
    if row.shared_until > clock.now():
        endings.end_tokens(session, row, "shared with a former owner")
    else:
        row.tokens_not_before = max(row.tokens_not_before, row.shared_until)
