"""Whether what a request acts with is good still, at the moment in which what it makes is written.

A credential is judged when its request begins. What ends it may be under way at that moment, and holds locks that the
request then waits for: without a second look it would make something after everything that it made was ended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from authserver.errors import Denied
from authserver.models import ApiKey, Client, Grant, SignInSession, User
from authserver.observability import context

SESSION, GRANT, KEY, CLIENT = "session", "grant", "key", "client"
MAKING = frozenset({
    "api_key.created", "api_key.rotated", "api_key.updated", "client.created", "client.updated", "client.enabled",
    "client.restored", "client.secret_rotated", "client.transfer_offered", "client.transferred", "client.unblocked",
    "consent.granted", "permission.updated", "registration_token.created", "resource.created", "resource.updated",
    "route_table.updated", "scope.created", "scope.updated", "user.created", "user.deleted", "user.disabled",
    "user.enabled", "user.link_created", "user.restored", "user.unlocked", "user.updated", "webhook.created",
    "webhook.enabled", "webhook.replayed", "webhook.secret_rotated", "webhook.updated",
})  # fmt: skip
"""Events of what gives somebody authority, changes how far one reaches, or takes it from other people."""
ENDED = "What you were signed in with, or sent, or your role, ended in this moment. Nothing was made or changed."


def require_good(session: Session) -> None:
    """Refuse to write what a credential makes that was ended since its request began; for the end of a transaction,
    behind a lock that whoever ends credentials holds, too. Raises Denied.
    """
    kind, _, named = context.current().stands_on.partition(":")
    if kind not in _GOOD:
        return
    id, _, issued_at = named.partition(" ")
    if session.scalar(select(_ID[kind]).where(_ID[kind] == id, *_GOOD[kind](int(issued_at or 0)))) is None:
        raise Denied(ENDED, f"{kind} {id} ended meanwhile")


_ID: dict[str, InstrumentedAttribute[Any]] = {
    SESSION: SignInSession.id, GRANT: Grant.id, KEY: ApiKey.id, CLIENT: Client.id,
}  # fmt: skip
_GOOD: dict[str, Callable[[int], tuple[ColumnElement[bool], ...]]] = {
    SESSION: lambda _: (SignInSession.ended_at.is_(None), _is_enabled(SignInSession.user_id)),
    GRANT: lambda _: (Grant.revoked_at.is_(None), _is_enabled(Grant.user_id)),
    KEY: lambda _: (ApiKey.revoked_at.is_(None), _is_enabled(ApiKey.owner_id)),
    CLIENT: lambda issued_at: (
        Client.disabled_at.is_(None), Client.deleted_at.is_(None), Client.tokens_not_before <= issued_at,
        or_(Client.owner_id.is_(None), _is_enabled(Client.owner_id)),
    ),
}  # fmt: skip


def _is_enabled(person: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """Whether they may sign in, and are in the role still in which their request was let in."""
    role = context.current().stands_as
    same = (User.role == role,) if role else ()
    return person.in_(select(User.id).where(User.disabled_at.is_(None), *same))
