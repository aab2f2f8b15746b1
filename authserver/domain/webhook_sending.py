"""The courier: takes endpoints that have something due, one worker each, and sends (contract 8, security I7, E16)."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, insert, or_, select, update
from sqlalchemy.orm import Session

from authserver import config, database
from authserver.domain import mails, outbound, rate_limits, usage, webhook_endpoints, webhooks
from authserver.domain.webhook_deliveries import ATTEMPTS
from authserver.lib import clock, secrets, webhook_signatures
from authserver.models import User, WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent
from authserver.observability import logs, metrics

POLICY = "webhook"
THREADS = 12
# So many of them at most are for endpoints that are slow or fail: they take nothing from the others.
SLOW_THREADS = 6
SLOW_MS = 2000
POLL_SECONDS = 0.5
# Somebody who stalls loses the endpoint after the lease: a slice and one more request fit well into it.
LEASE_SECONDS = 40
SLICE_SECONDS = 10.0
# Before each further attempt, with a fifth more or less: about three days in all.
BACKOFF = (5, 60, 5 * 60, 30 * 60, 2 * 3600, 6 * 3600, 12 * 3600, 24 * 3600, 24 * 3600)
# What an endpoint that keeps failing never came to is given up after this, counted from the event.
GIVE_UP_SECONDS = 84 * 3600
# From the third failure in a row on, an endpoint is asked no more often than this, whatever waits for it.
HOLDS = (0, 0, 5, 60, 5 * 60, 15 * 60)
PROBE_SECONDS = 15 * 60
WARN_SECONDS = 24 * 3600
DISABLE_SECONDS = 5 * 24 * 3600
KEPT_BODY = 4096
# Tells this process from one that had its number before, as the first process of a restarted container does.
_SELF = secrets.random_id("")
USAGE_SENT, USAGE_FAILED = "webhooks_delivered", "webhooks_failed"


@dataclass(frozen=True, slots=True)
class Job:
    """One request that is to be made."""

    endpoint: WebhookEndpoint
    delivery: WebhookDelivery
    event: WebhookEvent
    probe: bool  # not due: tried because the endpoint has been failing


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request, and what it was."""

    at: int
    headers: dict[str, str]
    body: bytes
    answer: outbound.Answer | None
    error: str
    ms: int
    blocked: bool = False

    @property
    def good(self) -> bool:
        return self.answer is not None and 200 <= self.answer.status < 300


class Courier:
    """Sends for as long as it runs; any number may run, on any number of machines."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._busy: dict[threading.Thread, bool] = {}  # and whether its endpoint is a slow one
        self._swept_at = float("-inf")

    def run(self, until: threading.Event) -> None:
        """Take and send what is due, until told to stop; then wait for what is being sent."""
        while not until.is_set():
            try:
                taken = self._take()
            except Exception as failure:
                logs.failure("webhooks_not_taken", failure)
                taken = 0
            if not taken:
                webhooks.news.wait(POLL_SECONDS)
                webhooks.news.clear()
        self._stop.set()
        for thread in tuple(self._busy):
            thread.join(outbound.TOTAL_SECONDS + 5)

    def _take(self) -> int:
        if time.monotonic() - self._swept_at > 2:
            self._swept_at = time.monotonic()
            free_dead()
        with self._lock:
            slow = sum(self._busy.values())
            room = THREADS - len(self._busy)
        if room <= 0:
            time.sleep(0.02)
            return 0
        claimed = claim(min(room, SLOW_THREADS - slow), slow=True) if slow < SLOW_THREADS else []
        claimed += claim(room - len(claimed), slow=False)
        for endpoint_id, lease, is_slow in claimed:
            thread = threading.Thread(target=self._work, args=(endpoint_id, lease, is_slow), daemon=True)
            with self._lock:
                self._busy[thread] = is_slow
            thread.start()
        return len(claimed)

    def _work(self, endpoint_id: str, lease: str, slow: bool) -> None:
        try:
            send_some(endpoint_id, lease, self._stop, slow=slow)
        except Exception as failure:
            logs.failure("webhooks_not_sent", failure, webhook=endpoint_id)
        finally:
            with self._lock:
                self._busy.pop(threading.current_thread(), None)
            webhooks.news.set()


def run(until: threading.Event) -> None:
    """Send until told to stop."""
    Courier().run(until)


def send_due(limit: int = 1000) -> int:
    """Send what is due now, in this thread; how many requests were made. Tests and the shell use it."""
    sent = 0
    while sent < limit:
        claimed = claim(1, slow=True) or claim(1, slow=False)
        if not claimed:
            break
        sent += send_some(claimed[0][0], claimed[0][1], threading.Event(), slow=True)
    return sent


# Who has an endpoint


def _place() -> str:
    """This machine, or this container, as far as process numbers mean something in it."""
    with suppress(OSError):
        return f"{socket.gethostname()[:60]}/{Path('/proc/self/ns/pid').stat().st_ino}"
    return socket.gethostname()[:60]


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
    if database.dialect() == "postgresql":
        chosen = chosen.with_for_update(skip_locked=True, key_share=True)
    lease = f"{_place()}:{os.getpid()}:{_SELF}:{secrets.random_id('')}"
    with database.transaction() as session:
        rows = session.execute(
            update(WebhookEndpoint)
            .where(WebhookEndpoint.id.in_(chosen))
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


# Sending


def send_some(endpoint_id: str, lease: str, stop: threading.Event, *, slow: bool = False) -> int:
    """Send what is due to one endpoint, one after the other, for a while; then give it back. How many were sent."""
    deadline, sent = time.monotonic() + SLICE_SECONDS, 0
    try:
        while time.monotonic() < deadline and not stop.is_set():
            job = _next(endpoint_id, lease)
            if job is None or not _has_room(job):
                break
            outcome = attempt(job)
            sent += 1
            if not _note(job, outcome, lease) or (outcome.ms > SLOW_MS and not slow):
                break
    finally:
        _give_back(endpoint_id, lease)
    return sent


def _next(endpoint_id: str, lease: str) -> Job | None:
    now = clock.now()
    with database.reading() as session:
        endpoint = session.get(WebhookEndpoint, endpoint_id)
        if endpoint is None or endpoint.leased_by != lease or endpoint.leased_until <= now:
            return None
        if endpoint.stopped_at is not None or endpoint.deleted_at is not None:
            return None
        latest = now if endpoint.held_until <= now else 0
        probe = endpoint.probe_at is not None and endpoint.probe_at <= now
        row = session.execute(
            select(WebhookDelivery, WebhookEvent)
            .join(WebhookEvent, WebhookEvent.id == WebhookDelivery.event_id)
            .where(
                WebhookDelivery.endpoint_id == endpoint_id,
                WebhookDelivery.next_at.is_not(None) if probe else WebhookDelivery.next_at <= latest,
            )
            .order_by(WebhookDelivery.next_at, WebhookDelivery.event_us)
            .limit(1)
        ).one_or_none()
    if row is None:
        return None
    return Job(endpoint, row[0], row[1], probe=(row[0].next_at or 0) > latest)


def _has_room(job: Job) -> bool:
    """Whether the endpoint may be sent another one this minute; what is over waits for the next one."""
    state = rate_limits.consume(POLICY, job.endpoint.id, config.current().rate_limit_webhook)
    if not state.allowed:
        with database.autocommit() as connection:
            connection.execute(
                update(WebhookEndpoint).where(WebhookEndpoint.id == job.endpoint.id).values(held_until=state.reset_at)
            )
            if not job.delivery.next_at:
                connection.execute(
                    update(WebhookDelivery).where(WebhookDelivery.id == job.delivery.id).values(next_at=state.reset_at)
                )
    return state.allowed


def attempt(job: Job) -> Outcome:
    """Make the request. Nothing is written: who kills us now makes us send the same event once more."""
    endpoint, event, now = job.endpoint, job.event, clock.now()
    own = endpoint.everybody or event.owner_id == endpoint.owner_id
    body = webhooks.body(
        event.id, event.type, event.at_us, event.facts, own=own, endpoint_id=endpoint.id,
        retry_count=job.delivery.sends,
    )  # fmt: skip
    signed = webhook_signatures.headers(
        endpoint.signature_header, webhook_endpoints.valid_secrets(endpoint), event.id, now, body
    )
    standard = {"Content-Type": "application/json", "User-Agent": f"{config.current().slug}-webhooks/1.0", **signed}
    own_headers = webhook_endpoints.headers(endpoint)
    shown = {**standard, **dict.fromkeys(own_headers, "•••")}
    began = time.monotonic()
    answer, error, blocked = None, "", False
    try:
        answer = outbound.fetch(endpoint.url, "POST", {**own_headers, **standard}, body)
    except outbound.Blocked as refused:
        error, blocked = str(refused), True
    except outbound.Failed as failure:
        error = str(failure)
    return Outcome(now, shown, body, answer, error, int((time.monotonic() - began) * 1000), blocked)


def _note(job: Job, outcome: Outcome, lease: str) -> bool:
    """Write down what happened, all of it or nothing; whether the endpoint is still ours."""
    now = clock.now()
    with database.transaction() as session:
        endpoint = session.scalar(
            select(WebhookEndpoint).where(WebhookEndpoint.id == job.endpoint.id).with_for_update(key_share=True)
        )
        delivery = session.get(WebhookDelivery, job.delivery.id, with_for_update=True)
        if endpoint is None or delivery is None:
            return False
        delivery.sends += 1
        session.execute(insert(WebhookAttempt).values(**_attempt_row(job, outcome, delivery.sends)))
        delivery.last_status = outcome.answer.status if outcome.answer else None
        delivery.last_ms, delivery.last_error = outcome.ms, outcome.error[:200]
        endpoint.last_attempt_at, endpoint.last_ms = now, outcome.ms
        if outcome.good:
            _succeeded(session, endpoint, delivery, now)
        elif delivery.test or endpoint.deleted_at is not None:
            delivery.state, delivery.next_at, delivery.finished_at = "failed", None, now
        else:
            _failed(session, endpoint, delivery, job, outcome, now)
        ours = endpoint.leased_by == lease
    _count(job, outcome)
    return ours


def _succeeded(session: Session, endpoint: WebhookEndpoint, delivery: WebhookDelivery, now: int) -> None:
    delivery.state, delivery.next_at, delivery.finished_at = "delivered", None, now
    if endpoint.failing_since is None:
        return
    endpoint.failing_since = endpoint.warned_at = endpoint.probe_at = None
    endpoint.failures, endpoint.held_until = 0, 0
    # What failed before is tried now, not when its turn would have come (contract 11.35).
    session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.endpoint_id == endpoint.id, WebhookDelivery.next_at > now)
        .values(next_at=now),
        execution_options={"synchronize_session": False},
    )


def _failed(
    session: Session, endpoint: WebhookEndpoint, delivery: WebhookDelivery, job: Job, outcome: Outcome, now: int
) -> None:
    if not job.probe:
        delivery.attempts += 1
        delivery.next_at = now + _jittered(BACKOFF[min(delivery.attempts, len(BACKOFF)) - 1])
    if delivery.attempts >= ATTEMPTS or now - delivery.queued_at >= GIVE_UP_SECONDS:
        delivery.state, delivery.next_at, delivery.finished_at = "failed", None, now
    endpoint.failing_since = endpoint.failing_since or now
    endpoint.failures += 1
    endpoint.held_until = now + _jittered(HOLDS[min(endpoint.failures, len(HOLDS)) - 1])
    endpoint.probe_at = now + _jittered(PROBE_SECONDS)
    if outcome.answer is not None and outcome.answer.status == 410:
        _disable(session, endpoint, webhook_endpoints.GONE)
    elif now - endpoint.failing_since >= DISABLE_SECONDS:
        _disable(session, endpoint, webhook_endpoints.FAILING)
    elif now - endpoint.failing_since >= WARN_SECONDS and endpoint.warned_at is None:
        endpoint.warned_at = now
        _mail(session, endpoint, "webhook_failing", outcome)


def _disable(session: Session, endpoint: WebhookEndpoint, because: str) -> None:
    _mail(session, endpoint, "webhook_disabled", None, because=because)
    webhook_endpoints.stop(session, endpoint, because)
    logs.event("webhook_disabled", level="warning", webhook=endpoint.id, reason=because)


def _mail(session: Session, endpoint: WebhookEndpoint, template: str, outcome: Outcome | None, **more: Any) -> None:
    owner = session.get(User, endpoint.owner_id)
    if owner is None:
        return
    said = ""
    if outcome is not None:
        said = f"HTTP {outcome.answer.status}" if outcome.answer else outcome.error
    mails.send(
        session,
        owner.email,
        template,
        name=owner.name,
        webhook=endpoint.name,
        url=endpoint.url,
        since=endpoint.failing_since or clock.now(),
        said=said,
        link=f"{config.current().issuer}/webhooks/{endpoint.id}",
        **more,
    )


def _attempt_row(job: Job, outcome: Outcome, number: int) -> dict[str, Any]:
    answer = outcome.answer
    shown = answer is not None and not answer.opened
    return {
        "delivery_id": job.delivery.id,
        "number": number,
        "endpoint_id": job.endpoint.id,
        "at": outcome.at,
        "url": job.endpoint.url,
        "headers": outcome.headers,
        "body": outcome.body.decode(),
        "status": answer.status if answer else None,
        "ms": outcome.ms,
        "error": outcome.error[:200],
        "response_headers": [[name[:100], value[:500]] for name, value in answer.headers[:50]]
        if answer and shown
        else [],
        "response_body": answer.body[:KEPT_BODY] if answer and shown else None,
    }


def _count(job: Job, outcome: Outcome) -> None:
    result = "delivered" if outcome.good else "blocked" if outcome.blocked else "failed"
    metrics.WEBHOOK_DELIVERIES.labels(result).inc()
    usage.count(USAGE_SENT if outcome.good else USAGE_FAILED, f"user:{job.endpoint.owner_id}")
    if not outcome.good:
        said = {"status": outcome.answer.status} if outcome.answer else {"error": outcome.error}
        logs.event("webhook_not_delivered", level="warning", webhook=job.endpoint.id, event_id=job.event.id, **said)


def _give_back(endpoint_id: str, lease: str) -> None:
    with database.autocommit() as connection:
        connection.execute(
            update(WebhookEndpoint)
            .where(WebhookEndpoint.id == endpoint_id, WebhookEndpoint.leased_by == lease)
            .values(leased_until=0)
        )


def _jittered(seconds: int) -> int:
    """A fifth more or less, so that what failed together does not come back together."""
    part = int.from_bytes(secrets.random_bytes(2)) / 65_535
    return round(seconds * (0.8 + 0.4 * part))


def in_background() -> Callable[[], None]:
    """Send from a thread of this process, for the demo; call what is returned to stop."""
    stop = threading.Event()
    threading.Thread(target=run, args=(stop,), name="webhooks", daemon=True).start()
    return stop.set
