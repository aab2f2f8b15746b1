"""A backup brings back what was revoked after it: what follows a restore makes sure that nothing of it works (E15)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.ground import cache, changes
from authserver.domain.people import living
from authserver.domain.record import audit
from authserver.domain.running import lessened
from authserver.lib import clock
from authserver.models import (
    AccessToken,
    ApiKey,
    AuthorizationRequest,
    Client,
    ClientSecret,
    ClientTransfer,
    Consent,
    DeviceAuthorization,
    Grant,
    OneTimeLink,
    RegistrationToken,
    SigningKey,
    SignInSession,
    UsedUsername,
    User,
    WebhookEndpoint,
)

# What somebody ended, by table: the column that says so. NULL means that it is good.
ENDED: tuple[tuple[Any, Any, Any], ...] = (
    (ApiKey, ApiKey.id, ApiKey.revoked_at),
    (ClientSecret, ClientSecret.id, ClientSecret.revoked_at),
    (ClientSecret, ClientSecret.id, ClientSecret.expires_at),
    (Client, Client.id, Client.disabled_at),
    (Client, Client.id, Client.deleted_at),
    (User, User.id, User.disabled_at),
    (User, User.id, User.deleted_at),
    (Consent, Consent.id, Consent.revoked_at),
    (RegistrationToken, RegistrationToken.id, RegistrationToken.revoked_at),
    (WebhookEndpoint, WebhookEndpoint.id, WebhookEndpoint.deleted_at),
    (WebhookEndpoint, WebhookEndpoint.id, WebhookEndpoint.stopped_at),
    (SigningKey, SigningKey.kid, SigningKey.retired_at),
    (SigningKey, SigningKey.kid, SigningKey.removed_at),
)
# And what a restore ends in any case, unless it is told to keep it.
ENDED_ANYWAY: tuple[tuple[Any, Any, Any], ...] = (
    (Grant, Grant.id, Grant.revoked_at),
    (SignInSession, SignInSession.id, SignInSession.ended_at),
)

Endings = list[dict[str, int]]
"""For each line of ENDED: when each row ended, by its id."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the database before a restore says: what has ended, and how far the rest reaches."""

    ended: Endings
    reach: lessened.Known


def endings(*, all_of_them: bool = False) -> Known:
    """What the database of now says has ended, or been taken, to be told again after the restore.

    `all_of_them`: sessions and grants, too, for a restore that keeps those that had not ended.
    """
    with database.reading() as session:
        erased = _erased(session)
        ended = [
            {str(id): int(at) for id, at in session.execute(select(key, column).where(column.is_not(None)))}
            | (erased if model is User else {})
            for model, key, column in (*ENDED, *(ENDED_ANYWAY if all_of_them else ()))
        ]
        return Known(ended, lessened.look(session))


def after_restore(known: Known | None, *, keep_tokens: bool = False) -> Mapping[str, int]:
    """End every session, grant and token of the restored database, and repeat the endings known from before.

    What was taken from roles, apps, keys and consents since is taken again; offers of apps end. Returns how many rows
    each step touched; without `known`, keys revoked since the backup are good again. With
    `keep_tokens` only what is known to have ended ends: what was used up since the backup can be used again.
    """
    with database.transaction() as session:
        done = {} if keep_tokens else _end_everything(session)
        done |= {
            "links": _count(session, delete(OneTimeLink)),
            "requests": _count(session, delete(AuthorizationRequest)) + _count(session, delete(DeviceAuthorization)),
            "offers": _count(session, delete(ClientTransfer)),
            "repeated": _repeat(session, known.ended if known else []),
            **lessened.take(session, known.reach if known else {}),
        }
        for name in cache.NAMES:
            cache.touch(session, name)
        changes.set_apart(session)
        audit.record(session, "database.restored", rows=done)
    return done


def _end_everything(session: Session) -> dict[str, int]:
    now = clock.now()
    # The next second: what was issued earlier in this one must end, too.
    session.execute(update(User).values(tokens_not_before=now + 1))
    # The count goes beyond what anybody saw since the backup was made.
    ended = {Client.tokens_not_before: now + 1, Client.tokens_epoch: Client.tokens_epoch + changes.APART}
    session.execute(update(Client).values(ended))
    return {
        "sessions": _set(session, SignInSession, SignInSession.ended_at, now),
        "grants": _set(session, Grant, Grant.revoked_at, now, revoked_because="restored"),
        "access_tokens": _count(session, delete(AccessToken)),
    }


def _erased(session: Session) -> dict[str, int]:
    """People who are no more: a backup may still have them, and the next purge erases them again."""
    gone = select(UsedUsername.user_id).where(~exists().where(User.id == UsedUsername.user_id)).distinct()
    return dict.fromkeys(session.scalars(gone), clock.now() - living.RESTORABLE)


def _repeat(session: Session, known: Endings) -> int:
    total = 0
    for (model, key, column), ended in zip((*ENDED, *ENDED_ANYWAY), known, strict=False):
        for id, at in ended.items():
            total += _count(session, update(model).where(key == id, column.is_(None)).values({column: at}))
    return total


def _set(session: Session, model: Any, column: Any, at: int, **more: Any) -> int:
    values = {column.key: at, **more}
    return _count(session, update(model).where(column.is_(None)).values(**values))


def _count(session: Session, statement: Any) -> int:
    result = session.execute(statement, execution_options={"synchronize_session": False})
    return int(result.rowcount)  # type: ignore[attr-defined]  # an UPDATE's and a DELETE's result has it
