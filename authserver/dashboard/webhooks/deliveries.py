"""/webhooks/<id>/deliveries: what was sent, what came back, and sending it again (ux.md 2.10)."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from authserver.domain.record import outbox
from authserver.domain.webhooks import deliveries as webhook_deliveries
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks.deliveries import WebhookAttempt
from authserver.domain.webhooks.endpoints import WebhookEndpoint
from authserver.edge import current_user, kept_forms, paging
from authserver.lib import clock, moments

blueprint = Blueprint("webhooks_deliveries", __name__, url_prefix="/webhooks/<webhook_id>/deliveries")
STATES = (
    ("", "All"),
    ("pending", "Pending"),
    ("delivered", "Delivered"),
    ("failed", "Failed"),
    ("missed", "Missed"),
)


def _here() -> str:
    return url_for("webhooks_deliveries.index", **request.view_args or {})


kept_forms.pages["webhooks_deliveries.replay"] = _here


@blueprint.get("")
@current_user.require_user
def index(webhook_id: str) -> str:
    """Deliveries, newest first."""
    return _index(_visible(webhook_id))


@blueprint.get("/<delivery_id>")
@current_user.require_user
def show(webhook_id: str, delivery_id: str) -> str:
    """Every request that was made for one event, and its answer."""
    row = _visible(webhook_id)
    delivery = webhook_deliveries.get(row.owner_id, row.id, delivery_id)
    made = webhook_deliveries.attempts(delivery.id)
    return render_template(
        "dashboard/webhooks/delivery.html",
        hook=row,
        delivery=delivery,
        attempts=made,
        most=webhook_deliveries.ATTEMPTS,
        curls={each.number: as_curl(each) for each in made},
        bodies={each.number: _laid_out(each.body) for each in made},
        answers={each.number: (each.response_body or b"").decode(errors="replace") for each in made},
        on=row.stopped_at is None,
    )


@blueprint.post("/<delivery_id>/resend")
@current_user.require_user
def resend(webhook_id: str, delivery_id: str) -> Any:
    """Send it again, with the same id."""
    row = _visible(webhook_id)
    webhook_deliveries.resend(row.owner_id, row.id, delivery_id)
    flash("Queued again, with the same id.", "ok")
    return redirect(url_for("webhooks_deliveries.show", webhook_id=row.id, delivery_id=delivery_id), 303)


@blueprint.post("/replay")
@current_user.require_user
def replay(webhook_id: str) -> Any:
    """Send what has not arrived since a time."""
    row, since = _visible(webhook_id), _moment(request.form.get("since", ""))
    if since is None:
        return _index(row, problem="Choose a day and a time in the past."), 422
    too = request.form.get("include_delivered") == "1"
    count = webhook_deliveries.replay(row.owner_id, row.id, since, include_delivered=too)
    flash(_queued(count) if count else "There is nothing to send: all of it has arrived.", "ok")
    return redirect(url_for("webhooks_deliveries.index", webhook_id=row.id), 303)


def as_curl(made: WebhookAttempt) -> str:
    """An attempt as a command; headers of the endpoint's own stay out, for their values are not shown."""
    words = ["curl", "-i", "-X", "POST", made.url]
    for name, value in made.headers.items():
        if value != "•••":
            words += ["-H", f"{name}: {value}"]
    return shlex.join([*words, "--data-binary", made.body])


def _index(row: WebhookEndpoint, problem: str = "") -> str:
    state = request.args.get("state", "")
    state = state if state in dict(STATES) else ""
    type = request.args.get("type", "")
    type = type if type in outbox.EVENTS else ""
    found, total = webhook_deliveries.page(row.id, state=state, type=type, **paging.asked())
    return render_template(
        "dashboard/webhooks/deliveries.html",
        hook=row,
        tab="deliveries",
        mine=row.owner_id == current_user.me().user.id,
        status=webhook_endpoints.status(row),
        deliveries=found,
        total=total,
        state=state,
        states=STATES,
        type=type,
        types=[("", "Every event"), *((each, each) for each in outbox.EVENTS)],
        counts=webhook_deliveries.count_by_state(row.id),
        most=webhook_deliveries.ATTEMPTS,
        page_error=problem,
        day_ago=datetime.fromtimestamp(clock.now() - 86_400, UTC).strftime("%Y-%m-%dT%H:%M"),
    )


def _queued(count: int) -> str:
    return "1 delivery is queued again." if count == 1 else f"{count:,} deliveries are queued again."


def _moment(text: str) -> int | None:
    try:
        at = moments.parse(text)
    except ValueError:
        return None
    return at if 0 <= at <= clock.now() else None


def _laid_out(body: str) -> str:
    return json.dumps(json.loads(body), ensure_ascii=False, indent=2)


def _visible(webhook_id: str) -> WebhookEndpoint:
    me = current_user.me().user
    return webhook_endpoints.get(None if me.is_admin else me.id, webhook_id)
