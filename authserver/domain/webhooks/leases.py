"""Webhook endpoints on lease: each is one worker's at a time, on however many machines they run (security I7, E16)."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

from sqlalchemy import ColumnElement, and_, exists, or_, select, update

from authserver import database
from authserver.lib import clock, secrets
from authserver.models import User, WebhookDelivery, WebhookEndpoint
from authserver.observability import logs

# Somebody who stalls loses the endpoint after the lease: a slice and one more request fit well into it.
LEASE_SECONDS = 40
SLOW_MS = 2000
# Tells this process from one that had its number before, as the first process of a restarted container does.
_SELF = secrets.random_id("")


def claim(limit: int, *, slow: bool) -> list[tuple[str, str, bool]]:
    """Lease endpoints that have something to send: (id, lease, whether it is slow). Nobody else sends to them then."""
    now = clock.now()
    chosen = select(WebhookEndpoint.id).where(_ready(now), _is_slow() if slow else ~_is_slow())
    chosen = chosen.order_by(WebhookEndpoint.last_attempt_at.nulls_first()).limit(limit)
    if limit <= 0:
        return []
    with database.reading() as session:
        # A look takes no lock; most looks find nothing.
        if session.execute(chosen).first() is None:
            return []
    lease = f"{_place()}:{os.getpid()}:{_SELF}:{secrets.random_id('')}"
    with database.transaction() as session:
        rows = session.execute(
            update(WebhookEndpoint)
            .where(WebhookEndpoint.id.in_(database.free(chosen, key_share=True)))
            .values(leased_until=now + LEASE_SECONDS, leased_by=lease)
            .returning(WebhookEndpoint.id),
            execution_options={"synchronize_session": False},
        ).all()
    return [(row.id, lease, slow) for row in rows]


def free_dead() -> None:
    """Take leases back from processes of this machine that are gone: what they had is sent without delay."""
    start = f"{_place()}:"
    with database.reading() as session:
        leases = session.scalars(
            select(WebhookEndpoint.leased_by).where(
                WebhookEndpoint.leased_until > clock.now(), WebhookEndpoint.leased_by.startswith(start, autoescape=True)
            )
        ).all()
    dead = {each for each in leases if not _lives(*each.removeprefix(start).split(":")[:2])}
    if dead:
        with database.transaction() as session:
            session.execute(
                update(WebhookEndpoint).where(WebhookEndpoint.leased_by.in_(dead)).values(leased_until=0),
                execution_options={"synchronize_session": False},
            )
        logs.event("webhook_leases_freed", level="warning", count=len(dead))


def give_back(endpoint_id: str, lease: str) -> None:
    """End a lease early, if it is still this one."""
    with database.writing() as connection:
        connection.execute(
            update(WebhookEndpoint)
            .where(WebhookEndpoint.id == endpoint_id, WebhookEndpoint.leased_by == lease)
            .values(leased_until=0)
        )


def _place() -> str:
    """This machine, or this container, as far as process numbers mean something in it."""
    with suppress(OSError):
        return f"{socket.gethostname()[:60]}/{Path('/proc/self/ns/pid').stat().st_ino}"
    return socket.gethostname()[:60]


def _lives(pid: str, process: str) -> bool:
    if int(pid) == os.getpid():
        return process == _SELF
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_slow() -> ColumnElement[bool]:
    return or_(WebhookEndpoint.failures > 0, WebhookEndpoint.last_ms > SLOW_MS)


def _ready(now: int) -> ColumnElement[bool]:
    """Whether an endpoint has something to send. Each EXISTS is one step into an index, however long the queue."""

    def waits(condition: ColumnElement[bool]) -> ColumnElement[bool]:
        return exists().where(WebhookDelivery.endpoint_id == WebhookEndpoint.id, condition)

    endpoint = WebhookEndpoint
    return and_(
        endpoint.leased_until <= now,
        endpoint.deleted_at.is_(None),
        endpoint.stopped_at.is_(None),
        or_(
            and_(endpoint.held_until <= now, waits(WebhookDelivery.next_at <= now)),
            and_(endpoint.probe_at <= now, waits(WebhookDelivery.next_at.is_not(None))),
            waits(WebhookDelivery.next_at == 0),
        ),
        exists().where(User.id == endpoint.owner_id, User.disabled_at.is_(None)),
    )
