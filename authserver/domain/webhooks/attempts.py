"""One request to a webhook endpoint, and what follows from its answer for delivery and endpoint (contract 8, I7)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, exists, insert, select, update
from sqlalchemy.orm import Session

from authserver import config, database
from authserver.domain import outbound
from authserver.domain.ground import mails, usage
from authserver.domain.limits import rate_limits
from authserver.domain.record import outbox
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks import secrets as webhook_secrets
from authserver.domain.webhooks.deliveries import ATTEMPTS
from authserver.domain.webhooks.leases import LEASE_SECONDS
from authserver.lib import clock, retry_after, secrets, webhook_signatures
from authserver.models import ApiKey, User, WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent
from authserver.observability import logs, metrics

# Before each further attempt, with a fifth more or less: about three days in all.
BACKOFF = (5, 60, 5 * 60, 30 * 60, 2 * 3600, 6 * 3600, 12 * 3600, 24 * 3600, 24 * 3600)
# What an endpoint that keeps failing never came to is given up after this, counted from the event.
GIVE_UP_SECONDS = 84 * 3600
# From the third failure in a row on, an endpoint is asked no more often than this, whatever waits for it.
HOLDS = (0, 0, 5, 60, 5 * 60, 15 * 60)
PROBE_SECONDS = 15 * 60
# A request begins so soon after its turn was counted, or not at all: its end lies within the lease then.
START_SECONDS = 10
UNFINISHED = "No turn of it came to an end that could be noted."
WARN_SECONDS = 24 * 3600
DISABLE_SECONDS = 5 * 24 * 3600
KEPT_BODY = 4096
# Characters of headers of an answer, and how many attempts of one person's deliveries stay beside later ones: somebody
# who has a receiver and sends the same again and again fills no disk.
KEPT_HEADERS = 4096
KEPT, KEPT_ATTEMPTS = "attempts", "5000/hour"
USAGE_SENT, USAGE_FAILED = "webhooks_delivered", "webhooks_failed"


@dataclass(frozen=True, slots=True)
class Job:
    """One request that is to be made."""

    endpoint: WebhookEndpoint
    delivery: WebhookDelivery
    event: WebhookEvent
    probe: bool  # not due: tried because the endpoint has been failing
    for_admin: bool = False  # its owner is an administrator now


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


def begin(job: Job, lease: str) -> bool:
    """Count the turn before it is made, so that what ends its sender each time ends as well; whether it is ours.

    Whoever is killed now leaves the delivery to its next turn, under the same id.
    """
    now, delivery, endpoint = clock.now(), job.delivery, job.endpoint
    ours = exists().where(
        WebhookEndpoint.id == endpoint.id, WebhookEndpoint.leased_by == lease,
        WebhookEndpoint.leased_until > now + START_SECONDS + outbound.TOTAL_SECONDS,
    )  # fmt: skip
    values = {"sends": delivery.sends + 1}
    if not job.probe:
        # Who died in its first turn may have been killed; whoever ends others in each turn waits as for failures.
        pause = _jittered(BACKOFF[min(delivery.attempts, len(BACKOFF)) - 1]) if delivery.attempts else 0
        values |= {"attempts": delivery.attempts + 1, "next_at": now + pause}
    same = (WebhookDelivery.id == delivery.id, WebhookDelivery.sends == delivery.sends, ours)
    with database.transaction() as session:
        begun = update(WebhookDelivery).where(*same).values(**values).returning(WebhookDelivery.id)
        if session.scalar(begun, execution_options={"synchronize_session": False}) is None:
            return False
        if job.probe:
            later = {"probe_at": now + _jittered(PROBE_SECONDS)}
            session.execute(update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint.id).values(**later))
    return True


def give_up(job: Job) -> None:
    """End a delivery whose turns are over, though nobody could say how the last one ended."""
    values = {"state": "failed", "next_at": None, "finished_at": clock.now(), "last_error": UNFINISHED}
    with database.writing() as connection:
        connection.execute(update(WebhookDelivery).where(WebhookDelivery.id == job.delivery.id).values(**values))


def make(job: Job) -> Outcome:
    """Make the request, which was counted before."""
    endpoint, event, now = job.endpoint, job.event, clock.now()
    hears_all = endpoint.everybody and job.for_admin
    who = endpoint.addresses and (hears_all or _is_no_other(str(event.facts.get("actor") or ""), endpoint.owner_id))
    body = outbox.body(
        event.id, event.type, event.at_us, event.facts, own=hears_all or event.owner_id == endpoint.owner_id,
        endpoint_id=endpoint.id, retry_count=job.delivery.sends, who=who,
    )  # fmt: skip
    signed = webhook_signatures.headers(endpoint.signature_header, webhook_secrets.valid(endpoint), event.id, now, body)
    standard = {"Content-Type": "application/json", "User-Agent": f"{config.current().slug}-webhooks/1.0", **signed}
    own_headers = webhook_secrets.headers(endpoint)
    shown = {**standard, **dict.fromkeys(own_headers, "•••")}
    began = time.monotonic()
    answer, error, blocked = None, "", False
    try:
        answer = outbound.fetch(endpoint.url, "POST", {**own_headers, **standard}, body)
    except outbound.Blocked as refused:
        error, blocked = str(refused), True
    except outbound.Failed as failure:
        error = str(failure)
    except Exception as fault:  # of ours: this delivery waits for its next turn, and does not stop the others
        logs.failure("webhooks_not_sent", fault, webhook=endpoint.id)
        error = "This server failed to send it."
    return Outcome(now, shown, body, answer, error, int((time.monotonic() - began) * 1000), blocked)


def _is_no_other(actor: str, owner_id: str) -> bool:
    """Whether an actor is the person, a key of theirs, or nobody in person: others stay unnamed, as in the log."""
    kind, _, id = actor.partition(":")
    if kind != "key":
        return kind != "user" or id == owner_id
    with database.reading() as session:
        return session.scalar(select(ApiKey.owner_id).where(ApiKey.id == id)) == owner_id


def note(job: Job, outcome: Outcome, lease: str) -> bool:
    """Write down what happened, all of it or nothing; whether the endpoint is still ours."""
    now = clock.now()
    with database.transaction() as session:
        endpoint = session.scalar(
            select(WebhookEndpoint).where(WebhookEndpoint.id == job.endpoint.id).with_for_update(key_share=True)
        )
        delivery = session.get(WebhookDelivery, job.delivery.id, with_for_update=True)
        if endpoint is None or delivery is None:
            return False
        number = job.delivery.sends + 1
        if not rate_limits.consume(KEPT, endpoint.owner_id, KEPT_ATTEMPTS).allowed:
            # Of what is sent again and again the newest attempt alone stays.
            session.execute(delete(WebhookAttempt).where(WebhookAttempt.delivery_id == delivery.id))
        session.execute(insert(WebhookAttempt).values(**_row(job, outcome, number)))
        ours = endpoint.leased_by == lease
        if not outcome.good and (delivery.sends != number or delivery.state != "pending"):
            return ours  # another began with it while we stood still: our silence says nothing of the endpoint
        delivery.last_status = outcome.answer.status if outcome.answer else None
        delivery.last_ms, delivery.last_error = outcome.ms, outcome.error[:200]
        endpoint.last_attempt_at, endpoint.last_ms = now, outcome.ms
        if outcome.good:
            delivery.attempts = min(delivery.attempts, job.delivery.attempts)  # this turn did not fail
            _succeeded(session, endpoint, delivery, now)
        elif delivery.test or endpoint.deleted_at is not None:
            delivery.state, delivery.next_at, delivery.finished_at = "failed", None, now
        else:
            _failed(session, endpoint, delivery, job, outcome, now)
        if ours:  # as long as it works, nobody else does
            endpoint.leased_until = now + LEASE_SECONDS
    _count(job, outcome)
    return ours


def put_off(job: Job) -> None:
    """Leave a delivery whose outcome could not be written to its next turn, which was set when this one was counted."""
    said = {"last_error": "This server failed to note what came of it."}
    with database.writing() as connection:
        connection.execute(update(WebhookDelivery).where(WebhookDelivery.id == job.delivery.id).values(**said))


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
    asked = retry_after.seconds(outcome.answer.status, outcome.answer.headers, now) if outcome.answer else 0
    if not job.probe:
        delivery.attempts = max(delivery.attempts, 1)  # somebody put it back to its beginning meanwhile
        delivery.next_at = now + max(asked, _jittered(BACKOFF[min(delivery.attempts, len(BACKOFF)) - 1]))
    if delivery.attempts >= ATTEMPTS or now - delivery.queued_at >= GIVE_UP_SECONDS:
        delivery.state, delivery.next_at, delivery.finished_at = "failed", None, now
    endpoint.failing_since = endpoint.failing_since or now
    endpoint.failures += 1
    endpoint.held_until = now + max(asked, _jittered(HOLDS[min(endpoint.failures, len(HOLDS)) - 1]))
    endpoint.probe_at = now + max(asked, _jittered(PROBE_SECONDS))
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
        whose=owner.id,
        name=owner.name,
        webhook=endpoint.name,
        url=endpoint.url,
        since=endpoint.failing_since or clock.now(),
        said=said,
        link=f"{config.current().issuer}/webhooks/{endpoint.id}",
        **more,
    )


def _row(job: Job, outcome: Outcome, number: int) -> dict[str, Any]:
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
        "response_headers": _shortened(answer.headers) if answer and shown else [],
        "response_body": answer.body[:KEPT_BODY] if answer and shown else None,
    }


def _shortened(headers: Sequence[tuple[str, str]]) -> list[list[str]]:
    kept, left = [], KEPT_HEADERS
    for name, value in headers[:50]:
        left -= len(name[:100]) + len(value[:500])
        if left < 0:
            break
        kept.append([name[:100], value[:500]])
    return kept


def _count(job: Job, outcome: Outcome) -> None:
    result = "delivered" if outcome.good else "blocked" if outcome.blocked else "failed"
    metrics.WEBHOOK_DELIVERIES.labels(result).inc()
    usage.count(USAGE_SENT if outcome.good else USAGE_FAILED, f"user:{job.endpoint.owner_id}")
    if not outcome.good:
        said = {"status": outcome.answer.status} if outcome.answer else {"error": outcome.error}
        logs.event("webhook_not_delivered", level="warning", webhook=job.endpoint.id, event_id=job.event.id, **said)


def _jittered(seconds: int) -> int:
    """A fifth more or less, so that what failed together does not come back together."""
    part = int.from_bytes(secrets.random_bytes(2)) / 65_535
    return round(seconds * (0.8 + 0.4 * part))
