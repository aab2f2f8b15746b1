"""Stopping clients and bringing them back: disabled, deleted for seven days, tokens ended."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.clients import clients, ownership
from authserver.domain.clients import directory as client_directory
from authserver.domain.ground import batches, cache
from authserver.errors import Denied
from authserver.lib import clock
from authserver.models import Client, ClientSecret, Grant, User


def disable(by: User | None, client_id: str) -> Client:
    """Stop a client everywhere within a second; nothing is lost. Raises NotFound."""
    with database.transaction() as session:
        row = ownership.locked(session, by, client_id)
        if row.disabled_at is None:
            row.disabled_at, row.disabled_by = clock.now(), ownership.hand(by, row)
            clients.record(session, row, "client.disabled")
        elif row.disabled_by == "owner" and ownership.hand(by, row) == "admin":
            row.disabled_by = "admin"
            clients.record(session, row, "client.disabled")
    return row


def enable(by: User | None, client_id: str) -> Client:
    """Let it work again. Raises NotFound; Denied for an owner whose client an administrator stopped."""
    with database.transaction() as session:
        row = ownership.locked(session, by, client_id)
        if row.disabled_at is None:
            return row
        if row.disabled_by == "admin" and ownership.hand(by, row) == "owner":
            raise Denied("An administrator disabled this app. Only an administrator can enable it.")
        row.disabled_at, row.disabled_by = None, ""
        clients.record(session, row, "client.enabled")
    return row


def remove(by: User | None, client_id: str) -> Client:
    """Delete a client: it and all its tokens stop; it can be restored for seven days. Raises NotFound."""
    with database.transaction() as session:
        row = ownership.locked(session, by, client_id)
        row.deleted_at = now = clock.now()
        if row.disabled_at is not None:  # before: else a restore would take it for stopped by the deletion
            row.disabled_at = min(row.disabled_at, now - 1)
        if ownership.hand(by, row) == "admin":  # an owner may restore it, and it stays stopped
            row.disabled_at, row.disabled_by = row.disabled_at or now, "admin"
        end_tokens(session, row, "client deleted")
        clients.record(session, row, "client.deleted", name=row.name)
    return row


def restore(by: User | None, client_id: str) -> Client:
    """Bring a deleted client back, without its tokens. Raises NotFound, also after 7 days; Invalid for one too many."""
    with database.transaction() as session:
        if by is not None and not by.is_admin:
            ownership.require_room(session, by.id)
        row = ownership.locked(session, by, client_id, deleted=True)
        if row.disabled_at == row.deleted_at and ownership.hand(by, row) == "admin":
            row.disabled_at, row.disabled_by = None, ""
        row.deleted_at = None
        clients.record(session, row, "client.restored", name=row.name)
    return row


def still_stopped(client_id: str) -> str:
    """Why a client does not work although it was enabled or brought back, in a sentence; empty if it works."""
    facts = clients.find_afresh(client_id)
    if facts is None or facts.enabled:
        return ""
    if facts.disabled_at is None:
        return "It does not work while its owner's account is disabled."
    if facts.disabled_by == "admin":
        return "It is still disabled, and only an administrator can enable it."
    return "It is still disabled, as it was before."


def revoke_tokens(by: User | None, client_id: str) -> int:
    """End every token and sign-in of a client; returns how many sign-ins that were. Raises NotFound."""
    with database.transaction() as session:
        row = ownership.locked(session, by, client_id)
        ended = end_tokens(session, row, "all tokens of the client revoked")
        clients.record(session, row, "token.revoked", all_of_client=True, grants=ended)
    return ended


def end_secret(by: User | None, secret_id: str, because: str) -> Client:
    """End a secret that somebody else may hold, the last one that works, too, and all that its app got.

    Of a deleted app, too, which may be restored. Raises NotFound. An app that cannot sign in is better than one that
    two can be, and a token does not tell with which secret it came.
    """
    with database.transaction() as session:
        secret = session.get_one(ClientSecret, secret_id)
        gone = session.scalar(select(Client.deleted_at).where(Client.id == secret.client_id)) is not None
        row = ownership.locked(session, by, secret.client_id, deleted=gone)
        if secret.revoked_at is None:
            secret.revoked_at = clock.now()
            end_tokens(session, row, because)
            clients.record(session, row, "client.secret_revoked", reason=because, hint=secret.hint)
    return row


def end_tokens(session: Session, row: Client, because: str) -> int:
    """End every token of a client inside a transaction that records its own event; returns how many sign-ins."""
    # The next second: what was issued earlier in this one must end, too. Of a node whose clock is ahead, by the count.
    row.tokens_not_before, row.tokens_epoch = clock.now() + 1, row.tokens_epoch + 1
    live = select(Grant.id).where(*client_directory.live(row.id)).order_by(Grant.id).with_for_update()
    ended = session.execute(
        update(Grant).where(Grant.id.in_(live)).values(revoked_at=clock.now(), revoked_because=because[:40]),
        execution_options={"synchronize_session": False},
    )
    return int(ended.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it


def purge(before: int) -> int:
    """Delete for good what was deleted before a time (epoch seconds); returns how many."""
    return batches.delete_all(Client, Client.deleted_at < before, then=lambda session: cache.touch(session, "clients"))
