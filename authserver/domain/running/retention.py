"""What has expired goes, in small batches, so that nobody waits for a lock (security.md E21)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping

from sqlalchemy import ColumnElement, or_

from authserver.domain.clients import endings, self_registered
from authserver.domain.ground import batches, horizon, idempotency, last_runs, mails_given_up
from authserver.domain.people import erasure
from authserver.domain.record import audit
from authserver.domain.webhooks import retention as webhook_retention
from authserver.lib import clock
from authserver.models import (
    AccessToken,
    AttemptCounter,
    AuthorizationCode,
    AuthorizationRequest,
    ClientSecret,
    ClientTransfer,
    DeviceAuthorization,
    FormNonce,
    Grant,
    IdempotencyKey,
    KeptForm,
    KnownDevice,
    LogoutNotice,
    Mail,
    OneTimeLink,
    RefreshToken,
    Refusal,
    RegistrationToken,
    RevokedToken,
    SignInSession,
    UsageCount,
    UsageTotal,
    UsedJti,
)
from authserver.observability import logs
from authserver.tables import Base

HOUR, DAY = 3600, 86_400
RESTORABLE = 7 * DAY  # how long a deleted client can be brought back
# Who presents something dead within this time is still told apart from who makes something up.
REMEMBERED = DAY


Told = Callable[[int, int, str], object]


def _unseen(_done: int, _of: int, _name: str) -> None:
    pass


def purge(*, audit_before: int | None = None, told: Told = _unseen) -> Mapping[str, int]:
    """Delete what nobody can use or wants to look at; how many rows went, by table.

    `audit_before` (epoch seconds) cuts the audit log, which else stays for ever. Each part is done whatever becomes of
    the others; the first failure is raised when all had their turn. `told` hears how many parts are done, of how many,
    and the name of the next.
    """
    gone, failures = dict[str, int](), list[Exception]()
    parts = list(_parts(horizon.passed(), audit_before))
    for done, (name, part) in enumerate(parts):
        told(done, len(parts), name)
        try:
            gone[name] = part()
        except Exception as failure:
            failures.append(failure)
            logs.failure("purge_failed", failure, table=name)
    if failures:
        raise failures[0]
    last_runs.note(last_runs.RETENTION)
    return {name: count for name, count in gone.items() if name not in _WITHOUT_COUNT}


_WITHOUT_COUNT = ("answers", "texts")


def _parts(now: int, audit_before: int | None) -> Iterator[tuple[str, Callable[[], int]]]:
    """What is to be done, by table."""
    yield "answers", idempotency.forget_answers
    yield "texts", mails_given_up.forget_texts
    for model, condition in _expired(now):
        yield model.__tablename__, functools.partial(batches.delete_all, model, condition)
    yield "clients", lambda: endings.purge(now - RESTORABLE) + self_registered.purge(now - DAY)
    yield "users", erasure.erase_due
    yield "webhook_deliveries", webhook_retention.purge
    if audit_before is not None:
        yield "audit_events", functools.partial(audit.purge, audit_before * 1_000_000)


def _expired(now: int) -> tuple[tuple[type[Base], ColumnElement[bool]], ...]:
    """Each table and its dead rows. What hangs on a grant goes before the grant."""
    remembered, of_no_use = now - REMEMBERED, now - clock.JUMP
    month = now - 30 * DAY
    return (
        (FormNonce, FormNonce.expires_at < of_no_use),
        (AttemptCounter, AttemptCounter.window_ends_at < now),
        (OneTimeLink, OneTimeLink.expires_at < remembered),
        # Anybody can make requests, of 16 kB and more: those that were never answered are not kept for a day.
        (
            AuthorizationRequest,
            or_(
                AuthorizationRequest.expires_at < remembered,
                AuthorizationRequest.answered_at.is_(None) & (AuthorizationRequest.expires_at < now),
            ),
        ),
        (AuthorizationCode, AuthorizationCode.expires_at < remembered),
        # The same; a device that still asks is told for an hour that its code has expired.
        (
            DeviceAuthorization,
            or_(
                DeviceAuthorization.expires_at < remembered,
                DeviceAuthorization.answered_at.is_(None) & (DeviceAuthorization.expires_at < now - HOUR),
            ),
        ),
        (AccessToken, AccessToken.expires_at < remembered),
        (RefreshToken, RefreshToken.expires_at < remembered),
        (RevokedToken, RevokedToken.expires_at < of_no_use),
        (UsedJti, UsedJti.expires_at < of_no_use),
        (Grant, Grant.expires_at < remembered),
        (SignInSession, or_(SignInSession.expires_at < month, SignInSession.ended_at < month)),
        (LogoutNotice, LogoutNotice.created_at < month),
        (ClientSecret, or_(ClientSecret.expires_at < month, ClientSecret.revoked_at < month)),
        (ClientTransfer, ClientTransfer.expires_at < remembered),
        (RegistrationToken, or_(RegistrationToken.expires_at < month, RegistrationToken.revoked_at < month)),
        (KeptForm, KeptForm.expires_at < now),
        (KnownDevice, KnownDevice.seen_at < now - 400 * DAY),
        (IdempotencyKey, IdempotencyKey.expires_at < now),
        (Refusal, Refusal.at < now - 7 * DAY),
        (Mail, (Mail.next_attempt_at.is_(None)) & (Mail.created_at < month)),
        (UsageCount, UsageCount.hour < now - 400 * DAY),
        (UsageTotal, UsageTotal.hour < now - 400 * DAY),
    )
