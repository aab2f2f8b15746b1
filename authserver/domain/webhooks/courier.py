"""The courier: takes endpoints that have something due, one worker each, and sends (contract 8, security I7, E16)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from sqlalchemy import select, update

from authserver import config, database
from authserver.domain import outbound
from authserver.domain.limits import rate_limits
from authserver.domain.record import outbox
from authserver.domain.webhooks import attempts as webhook_attempts
from authserver.domain.webhooks import leases as webhook_leases
from authserver.domain.webhooks.attempts import Job, Outcome
from authserver.domain.webhooks.deliveries import ATTEMPTS
from authserver.lib import clock
from authserver.models import User, WebhookDelivery, WebhookEndpoint, WebhookEvent
from authserver.observability import logs

POLICY = "webhook"
THREADS = 12
# So many of them at most are for endpoints that are slow or fail: they take nothing from the others.
SLOW_THREADS = 6
POLL_SECONDS = 0.5
SLICE_SECONDS = 10.0


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
                outbox.news.wait(POLL_SECONDS)
                outbox.news.clear()
        self._stop.set()
        for thread in tuple(self._busy):
            thread.join(outbound.TOTAL_SECONDS + 5)

    def _take(self) -> int:
        if time.monotonic() - self._swept_at > 2:
            self._swept_at = time.monotonic()
            webhook_leases.free_dead()
        with self._lock:
            slow = sum(self._busy.values())
            room = THREADS - len(self._busy)
        if room <= 0:
            time.sleep(0.02)
            return 0
        claimed = webhook_leases.claim(min(room, SLOW_THREADS - slow), slow=True) if slow < SLOW_THREADS else []
        claimed += webhook_leases.claim(room - len(claimed), slow=False)
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
            outbox.news.set()


def run(until: threading.Event) -> None:
    """Send until told to stop."""
    Courier().run(until)


def send_due(limit: int = 1000) -> int:
    """Send what is due now, in this thread; how many requests were made. Tests and the shell use it."""
    sent = 0
    while sent < limit:
        claimed = webhook_leases.claim(1, slow=True) or webhook_leases.claim(1, slow=False)
        if not claimed:
            break
        sent += send_some(claimed[0][0], claimed[0][1], threading.Event(), slow=True)
    return sent


def send_some(endpoint_id: str, lease: str, stop: threading.Event, *, slow: bool = False) -> int:
    """Send what is due to one endpoint, one after the other, for a while; then give it back. How many were sent."""
    deadline, sent = time.monotonic() + SLICE_SECONDS, 0
    try:
        while time.monotonic() < deadline and not stop.is_set():
            job = _next(endpoint_id, lease)
            if job is None or not _has_room(job):
                break
            if job.delivery.attempts >= ATTEMPTS and not job.probe:
                webhook_attempts.give_up(job)
                continue
            began = time.monotonic()
            if not webhook_attempts.begin(job, lease) or time.monotonic() - began > webhook_attempts.START_SECONDS:
                break
            outcome = webhook_attempts.make(job)
            sent += 1
            if not _noted(job, outcome, lease) or (outcome.ms > webhook_leases.SLOW_MS and not slow):
                break
    finally:
        webhook_leases.give_back(endpoint_id, lease)
    return sent


def _noted(job: Job, outcome: Outcome, lease: str) -> bool:
    """Write down what came of it; what cannot be written is put off, so that it stops nothing for ever."""
    try:
        return webhook_attempts.note(job, outcome, lease)
    except Exception as failure:
        logs.failure("webhooks_not_sent", failure, webhook=job.endpoint.id)
        webhook_attempts.put_off(job)
        return False


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
            select(WebhookDelivery, WebhookEvent, User.role)
            .join(WebhookEvent, WebhookEvent.id == WebhookDelivery.event_id)
            .join(User, User.id == endpoint.owner_id)
            .where(
                User.disabled_at.is_(None),
                WebhookDelivery.endpoint_id == endpoint_id,
                WebhookDelivery.next_at.is_not(None) if probe else WebhookDelivery.next_at <= latest,
            )
            .order_by(WebhookDelivery.next_at, WebhookDelivery.event_us)
            .limit(1)
        ).one_or_none()
    if row is None:
        return None
    return Job(endpoint, row[0], row[1], probe=(row[0].next_at or 0) > latest, for_admin=row.role == "admin")


def _has_room(job: Job) -> bool:
    """Whether the endpoint may be sent another one this minute; what is over waits for the next one."""
    state = rate_limits.consume(POLICY, job.endpoint.id, config.current().rate_limit_webhook)
    if not state.allowed:
        with database.writing() as connection:
            connection.execute(
                update(WebhookEndpoint).where(WebhookEndpoint.id == job.endpoint.id).values(held_until=state.reset_at)
            )
            if not job.delivery.next_at:
                connection.execute(
                    update(WebhookDelivery).where(WebhookDelivery.id == job.delivery.id).values(next_at=state.reset_at)
                )
    return state.allowed


def in_background() -> Callable[[], None]:
    """Send from a thread of this process, for the demo; call what is returned to stop."""
    stop = threading.Event()
    threading.Thread(target=run, args=(stop,), name="webhooks", daemon=True).start()
    return stop.set
