"""Reports of leaked credentials: whoever shows one has it, so it ends at once, and its owner is told."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.ground import cache, mails, throttle
from authserver.domain.limits import rate_limits
from authserver.domain.record import audit
from authserver.domain.tokens import revocation
from authserver.errors import RateLimited
from authserver.lib import clock, jwt, secrets
from authserver.models import Client, ClientSecret, User
from authserver.observability import logs

POLICY, LIMIT = "leaks", "30/minute"
BECAUSE = "reported as leaked"


def report(credential: str, found_at: str, *, ip: str) -> None:
    """End a credential that somebody found. The same whatever it is, and for what we never made.

    `found_at` says where, in the reporter's words. Raises RateLimited for too many reports from one network.
    """
    state = rate_limits.consume(POLICY, throttle.address_key(ip), LIMIT)
    if not state.allowed:
        raise RateLimited(
            "Too many reports of one network. Try again in a minute.",
            f"leak reports, {ip}",
            retry_after=state.retry_after,
        )
    kind = "jwt" if jwt.looks_like_jwt(credential) else secrets.kind_of(credential)
    logs.event("leak_reported", credential=kind or "unknown")
    if kind == "ak":
        _end_key(credential, found_at)
    elif kind == "cs":
        _end_client_secret(credential, found_at)
    elif kind in ("at", "rt", "jwt"):
        revocation.revoke(credential, None, BECAUSE)


def _end_key(credential: str, found_at: str) -> None:
    with database.reading() as session:
        key_id = session.scalar(select(api_keys.ApiKey.id).where(api_keys.ApiKey.digest == secrets.digest(credential)))
    if key_id is None or api_keys.get(None, key_id).revoked_at is not None:
        return
    key = api_keys.revoke(None, key_id, because=BECAUSE)
    with database.transaction() as session:
        _tell(session, key.owner_id, f"the API key {key.name} ({key.hint})", found_at)


def _end_client_secret(credential: str, found_at: str) -> None:
    """The last secret ends too: an app that cannot sign in is better than one that two can be."""
    now = clock.now()
    with database.transaction() as session:
        row = session.scalar(
            update(ClientSecret)
            .where(ClientSecret.digest == secrets.digest(credential), ClientSecret.revoked_at.is_(None))
            .values(revoked_at=now)
            .returning(ClientSecret),
            execution_options={"synchronize_session": False},
        )
        client = session.get(Client, row.client_id) if row is not None else None
        if row is None or client is None:
            return
        cache.touch(session, "clients")
        if client.owner_id:
            _tell(session, client.owner_id, f"a secret of the app {client.name} ({row.hint})", found_at)
        audit.record(
            session,
            "client.secret_revoked",
            target=f"client:{client.id}",
            owner_id=client.owner_id,
            client_id=client.id,
            reason=BECAUSE,
            hint=row.hint,
        )


def _tell(session: Session, owner_id: str, what: str, found_at: str) -> None:
    owner: Any = session.get(User, owner_id)
    if owner is not None:
        about = {"name": owner.name, "what": what, "found_at": found_at, "at": clock.now()}
        mails.send(session, owner.email, "leaked", whose=owner.id, **about)
