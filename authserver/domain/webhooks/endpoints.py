"""Webhook endpoints: set up by their owners, signed for, stopped and started again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from authserver import config, database
from authserver.domain import outbound
from authserver.domain.ground import lists, person_locks
from authserver.domain.ground.lists import Part, Rows
from authserver.domain.limits import rate_limits
from authserver.domain.record import audit, outbox
from authserver.domain.webhooks import secrets as webhook_secrets
from authserver.domain.webhooks import wishes as webhook_wishes
from authserver.domain.webhooks.wishes import Wish
from authserver.errors import Check, Conflict, Invalid, NotFound, RateLimited
from authserver.lib import clock, secrets, webhook_signatures
from authserver.models import User
from authserver.models import WebhookEndpoint as WebhookEndpoint  # what pages and the API are handed

MAX_ENDPOINTS = 20  # of one person
OVERLAP_SECONDS = 24 * 3600
OVERLAPS = {"24h": OVERLAP_SECONDS, "1h": 3600, "now": 0}
PAUSED, FAILING, GONE = outbox.PAUSED, "failing", "gone"
DRAFT_SECONDS = 3600
MAX_VERIFIED = 256 * 1024


def create(owner: User, wish: Wish, *, secret: str = "") -> tuple[WebhookEndpoint, str]:
    """Set an endpoint up; returns its row and, this once, its secret: the given one, or a new one. Raises Invalid."""
    webhook_wishes.validate(wish, secret)
    row, made = _new(owner, wish, secret)
    with database.transaction() as session:
        _check_room(session, owner.id)
        session.add(row)
        # Of the URL the host alone: paths of webhooks often are the receiver's secret.
        _record(session, "webhook.created", row, host=outbound.check(row.url).host, events=row.events)
    return row, made


def draft(owner: User, wish: Wish, *, secret: str = "") -> tuple[WebhookEndpoint, str]:
    """An endpoint that is only tested, and the id of the test's delivery; it is gone within the hour."""
    webhook_wishes.validate(wish, secret)
    row, _ = _new(owner, wish, secret)
    row.draft, row.stopped_at, row.stopped_because = True, None, ""
    with database.transaction() as session:
        _check_room(session, owner.id, drafts=True)
        session.add(row)
        session.flush()
        [delivery_id] = outbox.put(session, outbox.TEST, _test_facts(owner.id), [(row.id, True)], test=True)
    return row, delivery_id


def test(owner_id: str | None, endpoint_id: str) -> str:
    """Have a `webhook.test` sent by the worker, once; returns the delivery's id. Raises Conflict if it is off."""
    with database.transaction() as session:
        row = _locked(session, owner_id, endpoint_id)
        _require_on(row)
        return outbox.put(session, outbox.TEST, _test_facts(row.owner_id), [(row.id, True)], test=True)[0]


def revise(
    owner_id: str | None, endpoint_id: str, wish: Wish, *, still: Callable[[WebhookEndpoint], bool] | None = None
) -> WebhookEndpoint:
    """Change an endpoint; `active` pauses it or lets it go on. Raises Invalid, NotFound.

    `still` says whether it is as the caller saw it: Conflict if somebody else changed it since.
    """
    before = get(owner_id, endpoint_id)
    webhook_wishes.validate(wish, moved=wish.url != before.url)
    with database.transaction() as session:
        row = _locked(session, owner_id, endpoint_id)
        if still is not None and not still(row):
            raise Conflict("Somebody changed this webhook in the meantime. Look at it again and repeat your change.")
        owner = session.get_one(User, row.owner_id)
        everybody = _everybody(owner, wish.everybody if wish.everybody is not None else row.everybody)
        wanted: dict[str, Any] = {
            "name": wish.name.strip(), "url": wish.url, "events": _events(wish), "everybody": everybody,
            "addresses": wish.addresses if wish.url != row.url else row.addresses,
        }  # fmt: skip
        changed = [name for name, value in wanted.items() if getattr(row, name) != value]
        if "everybody" in changed and not everybody:
            outbox.forget_others(session, row.owner_id, row.id)
        for name in changed:
            setattr(row, name, wanted[name])
        if dict(wish.headers) != webhook_secrets.headers(row):
            changed.append("headers")
            row.headers_sealed = webhook_secrets.seal_headers(row.id, wish.headers)
        if changed:
            row.updated_at = clock.now()
            _record(session, "webhook.updated", row, changed=changed)
        _switch(session, row, wish.active)
    return row


def wish_of(row: WebhookEndpoint) -> Wish:
    """An endpoint as the wish that would make it, for `dataclasses.replace`."""
    return Wish(
        row.name, row.url, tuple(row.events), row.stopped_at is None, row.everybody, webhook_secrets.headers(row)
    )


def switch(owner_id: str | None, endpoint_id: str, *, on: bool) -> WebhookEndpoint:
    """Pause an endpoint, or let it go on; what waits is then sent."""
    with database.transaction() as session:
        row = _locked(session, owner_id, endpoint_id)
        _switch(session, row, on)
    return row


def delete(owner_id: str | None, endpoint_id: str) -> None:
    """End an endpoint; what was on its way to it is not sent any more."""
    with database.transaction() as session:
        row = _locked(session, owner_id, endpoint_id)
        # The row goes later: an event that is being written at this moment may refer to it.
        row.deleted_at = row.stopped_at = clock.now()
        row.secret_sealed, row.old_secret_sealed, row.headers_sealed = b"", None, None
        _record(session, "webhook.deleted", row)


def roll(owner_id: str | None, endpoint_id: str, *, overlap: int = OVERLAP_SECONDS) -> tuple[WebhookEndpoint, str]:
    """A new secret, returned this once; the old one stays valid for `overlap` seconds. Ends an earlier overlap."""
    if overlap not in OVERLAPS.values():
        raise Invalid("Choose how long the old secret stays good.", field="overlap")
    made = webhook_signatures.new_secret()
    with database.transaction() as session:
        row = _locked(session, owner_id, endpoint_id)
        webhook_secrets.replace(row, made, overlap=overlap)
        _record(session, "webhook.secret_rotated", row, overlap_seconds=overlap)
    return row, made


def end_old_secret(owner_id: str | None, endpoint_id: str) -> WebhookEndpoint:
    """End the overlap now: both headers are signed with the new secret alone."""
    with database.transaction() as session:
        row = _locked(session, owner_id, endpoint_id)
        if row.old_secret_sealed is not None:
            row.old_secret_sealed = row.old_secret_ends_at = None
            _record(session, "webhook.secret_retired", row)
    return row


def get(owner_id: str | None, endpoint_id: str, *, drafts: bool = False) -> WebhookEndpoint:
    """One endpoint of this person (None: anybody's); a stranger's is not found."""
    with database.reading() as session:
        row = session.get(WebhookEndpoint, endpoint_id)
    if row is None or row.deleted_at is not None or row.draft is not drafts or owner_id not in (None, row.owner_id):
        raise NotFound("There is no such webhook.")
    return row


def page(owner_id: str | None, **part: Unpack[Part]) -> tuple[Rows[WebhookEndpoint], int]:
    """Endpoints, newest first, and how many (`lists.read`)."""
    wanted = select(WebhookEndpoint).where(*_existing(owner_id))
    with database.reading() as session:
        by = (WebhookEndpoint.created_at, WebhookEndpoint.id)
        return lists.read(session, wanted, by=by, name="webhooks", part=part)


def status(row: WebhookEndpoint) -> str:
    """`active`, `paused`, `failing` or `disabled` (by the server: five days of failures, or 410)."""
    if row.stopped_at is not None:
        return "paused" if row.stopped_because == PAUSED else "disabled"
    return "failing" if row.failing_since is not None else "active"


def verify(owner_id: str | None, endpoint_id: str, body: bytes, signature: str) -> Check:
    """Whether this signature is ours over this raw body, and why not; at most as often as deliveries, counted apart."""
    row = get(owner_id, endpoint_id)
    if len(body) > MAX_VERIFIED:
        raise Invalid("A body of ours is not that large.", field="payload")
    limit = config.current().rate_limit_webhook
    state = rate_limits.consume("webhook-verify", row.id, limit)
    if not state.allowed:
        refusal = RateLimited("Too many signatures were checked.", retry_after=state.retry_after)
        raise refusal.because(Check("signatures checked", False, limit, "one more"))
    fault = webhook_signatures.fault(webhook_secrets.valid(row), body, signature)
    return Check("signature", not fault, "sha256=… of exactly these bytes, by a secret that is valid", fault or "fits")


def stop(session: Session, row: WebhookEndpoint, because: str) -> None:
    """Switch an endpoint off because nothing gets through; its owner can switch it on again."""
    row.stopped_at, row.stopped_because = clock.now(), because
    row.held_until, row.probe_at = 0, None
    _record(session, "webhook.disabled", row, result="refused", reason=because, actor="system")


def _new(owner: User, wish: Wish, secret: str) -> tuple[WebhookEndpoint, str]:
    made, now, id = secret or webhook_signatures.new_secret(), clock.now(), secrets.random_id("wh_")
    row = WebhookEndpoint(
        id=id,
        owner_id=owner.id,
        name=wish.name.strip(),
        url=wish.url,
        events=_events(wish),
        everybody=_everybody(owner, wish.everybody),
        addresses=wish.addresses,
        headers_sealed=webhook_secrets.seal_headers(id, wish.headers),
        signature_header=webhook_signatures.header_name(config.current().slug),
        secret_sealed=webhook_secrets.seal(id, made),
        secret_made_at=now,
        draft=False,
        created_at=now,
        updated_at=now,
        stopped_at=None if wish.active else now,
        stopped_because="" if wish.active else PAUSED,
        failures=0,
        held_until=0,
        last_ms=0,
        leased_until=0,
        leased_by="",
    )
    return row, made


def _everybody(owner: User, wanted: bool | None) -> bool:
    return owner.is_admin and wanted is not False


def _events(wish: Wish) -> list[str]:
    return [outbox.ALL] if outbox.ALL in wish.events else [each for each in outbox.EVENTS if each in wish.events]


def _switch(session: Session, row: WebhookEndpoint, on: bool) -> None:
    if on and row.stopped_at is not None:
        row.stopped_at, row.stopped_because = None, ""
        row.failing_since = row.warned_at = row.probe_at = None
        row.failures, row.held_until = 0, 0
        _record(session, "webhook.enabled", row)
        outbox.wake_after(session)
    elif not on and row.stopped_at is None:
        row.stopped_at, row.stopped_because = clock.now(), PAUSED
        _record(session, "webhook.paused", row)


def _require_on(row: WebhookEndpoint) -> None:
    if row.stopped_at is not None:
        raise Conflict("This webhook is off. Switch it on first.")


def _test_facts(owner_id: str) -> dict[str, Any]:
    return {"owner_id": owner_id, "data": {"message": f"A test from {config.current().brand}. It works."}}


def _existing(owner_id: str | None) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [WebhookEndpoint.deleted_at.is_(None), WebhookEndpoint.draft.is_(False)]
    return found if owner_id is None else [*found, WebhookEndpoint.owner_id == owner_id]


def _check_room(session: Session, owner_id: str, *, drafts: bool = False) -> None:
    # Locked, so that two requests at once do not both find room, and nobody disables the owner meanwhile.
    owner = person_locks.take(session, owner_id)
    if owner is None or owner.disabled_at is not None:
        raise Conflict("A disabled account gets no webhooks.")
    if drafts:
        # An untested form leaves its draft behind; only the last few are kept.
        old = [WebhookEndpoint.owner_id == owner_id, WebhookEndpoint.draft, WebhookEndpoint.deleted_at.is_(None)]
        session.execute(update(WebhookEndpoint).where(*old).values(deleted_at=clock.now(), stopped_at=clock.now()))
        return
    if (session.scalar(select(func.count()).select_from(WebhookEndpoint).where(*_existing(owner_id))) or 0) >= (
        MAX_ENDPOINTS
    ):
        raise Invalid(f"You have {MAX_ENDPOINTS} webhooks. Delete one you no longer need.", field="name")


def _locked(session: Session, owner_id: str | None, endpoint_id: str) -> WebhookEndpoint:
    if owner_id is not None:
        person_locks.take(session, owner_id)  # first: what they do is there before all that they did is ended, or after
    row = session.scalar(
        select(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id).with_for_update(key_share=True)
    )
    if row is None or row.deleted_at is not None or row.draft or owner_id not in (None, row.owner_id):
        raise NotFound("There is no such webhook.")
    return row


def _record(session: Session, type: str, row: WebhookEndpoint, **more: Any) -> None:
    audit.record(session, type, target=f"webhook:{row.id}", owner_id=row.owner_id, name=row.name, **more)
