"""/webhooks: list and look at endpoints, roll their secrets, check signatures, switch them on and off (ux.md 2.10)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for

from authserver import config
from authserver.domain.people import users
from authserver.domain.record import outbox
from authserver.domain.webhooks import deliveries as webhook_deliveries
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks import secrets as webhook_secrets
from authserver.domain.webhooks.endpoints import WebhookEndpoint
from authserver.edge import current_user, one_shot, paging, undo
from authserver.errors import Conflict, Invalid

blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")
FOLDER = "dashboard/webhooks/verify"
SNIPPETS = (
    ("verify.py", "Python", "Nothing to install."),
    ("verify.mjs", "Node", "Nothing to install."),
    ("verify.sh", "Shell with openssl", "Nothing to install."),
)
OVERLAPS = (
    ("now", "Now", "The old secret signs nothing from now on. For a leak."),
    ("1h", "1 hour", "Enough to restart one service."),
    ("24h", "24 hours", "Put the new one in place within a day."),
)


@blueprint.get("")
@current_user.require_user
def index() -> str:
    """The person's webhooks; administrators may look at everybody's."""
    me = current_user.me().user
    everybody = me.is_admin and request.args.get("whose") == "all"
    rows, total = webhook_endpoints.page(None if everybody else me.id, **paging.asked())
    return render_template(
        "dashboard/webhooks/index.html",
        hooks=rows,
        total=total,
        everybody=everybody,
        status_of=webhook_endpoints.status,
        health=webhook_deliveries.health([row.id for row in rows]),
        owners=users.emails_of({row.owner_id for row in rows}) if everybody else {},
    )


@blueprint.get("/<webhook_id>")
@current_user.require_user
def show(webhook_id: str) -> str:
    """Where events go, how it is doing, and its secret's state."""
    row = _visible(webhook_id)
    recent, _ = webhook_deliveries.page(row.id, limit=5)
    return render_template(
        "dashboard/webhooks/show.html",
        **_head(row, "overview"),
        recent=recent,
        counts=webhook_deliveries.count_by_state(row.id),
        health=webhook_deliveries.health([row.id])[row.id],
        header_names=sorted(webhook_secrets.headers(row)),
        kinds=outbox.EVENTS,
    )


@blueprint.post("/<webhook_id>/switch")
@current_user.require_user
def switch(webhook_id: str) -> Any:
    """Pause it, or let it go on."""
    row, on = _visible(webhook_id), request.form.get("on") == "1"
    webhook_endpoints.switch(row.owner_id, row.id, on=on)
    if on:
        flash("Switched on. What waited is sent now; what it missed can be replayed from its deliveries.", "ok")
    else:
        said = f"{row.name} is paused. What happens meanwhile is kept for 30 days and can be replayed."
        undo.offer(said, "webhooks.switch", fields={"on": "1"}, webhook_id=row.id)
    return redirect(url_for("webhooks.show", webhook_id=row.id), 303)


@blueprint.post("/<webhook_id>/test")
@current_user.require_user
def test(webhook_id: str) -> Any:
    """Have a test sent, and show what becomes of it."""
    row = _visible(webhook_id)
    delivery_id = webhook_endpoints.test(row.owner_id, row.id)
    webhook_deliveries.looked_for(row.owner_id, row.id, delivery_id)
    return redirect(url_for("webhooks_deliveries.show", webhook_id=row.id, delivery_id=delivery_id), 303)


@blueprint.get("/<webhook_id>/roll")
@current_user.require_user
@current_user.require_recent
def ask_roll(webhook_id: str) -> str:
    """How long shall the old secret sign, too?"""
    return render_template("dashboard/webhooks/roll.html", hook=_mine(webhook_id), overlaps=OVERLAPS, problem="")


@blueprint.post("/<webhook_id>/roll")
@current_user.require_user
@current_user.require_recent
def roll(webhook_id: str) -> Any:
    """Make a new secret and show it, once, in this answer."""
    row, choice = _mine(webhook_id), request.form.get("overlap", "")
    if choice not in webhook_endpoints.OVERLAPS:
        problem = "Choose how long the old secret stays good."
        return render_template("dashboard/webhooks/roll.html", hook=row, overlaps=OVERLAPS, problem=problem), 422
    if not one_shot.spend():
        return render_template("dashboard/webhooks/already_shown.html"), 409
    row, secret = webhook_endpoints.roll(row.owner_id, row.id, overlap=webhook_endpoints.OVERLAPS[choice])
    return render_template("dashboard/webhooks/secret.html", hook=row, secret=secret, rolled=True)


@blueprint.post("/<webhook_id>/end-old-secret")
@current_user.require_user
def end_old_secret(webhook_id: str) -> Any:
    """End the overlap."""
    row = _mine(webhook_id)
    webhook_endpoints.end_old_secret(row.owner_id, row.id)
    flash("The old secret signs nothing any more. Everything is signed with the new one alone.", "ok")
    return redirect(url_for("webhooks.show", webhook_id=row.id), 303)


@blueprint.get("/<webhook_id>/verify")
@current_user.require_user
def verify(webhook_id: str) -> str:
    """Programs that check a signature, and a form that does."""
    return _verification(_mine(webhook_id))


@blueprint.post("/<webhook_id>/verify")
@current_user.require_user
def check(webhook_id: str) -> Any:
    """Whether this body was signed by us for this webhook."""
    row = _mine(webhook_id)
    # Browsers send line ends as CR LF; what we sign has none of either.
    payload, signature = request.form.get("payload", "").replace("\r\n", "\n"), request.form.get("signature", "")
    if not payload or not signature.strip():
        problem = f"Paste the {'value of ' + row.signature_header if payload else 'raw body'}."
        return _verification(row, problem=problem, payload=payload, signature=signature), 422
    try:
        check = webhook_endpoints.verify(row.owner_id, row.id, payload.encode(errors="replace"), signature)
    except Invalid as refused:
        return _verification(row, problem=refused.public, payload=payload[:1000], signature=signature), 422
    return _verification(row, check=check, payload=payload, signature=signature)


@blueprint.get("/<webhook_id>/delete")
@current_user.require_user
def ask_delete(webhook_id: str) -> str:
    """The consequence, before it happens."""
    row = _visible(webhook_id)
    waiting = webhook_deliveries.count_by_state(row.id).get("pending", 0)
    return render_template("dashboard/webhooks/delete.html", hook=row, waiting=waiting)


@blueprint.post("/<webhook_id>/delete")
@current_user.require_user
def delete(webhook_id: str) -> Any:
    """End it."""
    row = _visible(webhook_id)
    webhook_endpoints.delete(row.owner_id, row.id)
    flash(f"{row.name} is deleted. Nothing more is sent there.", "ok")
    return redirect(url_for("webhooks.index", whose=None if _is_mine(row) else "all"), 303)


def snippets(signature_header: str) -> list[tuple[str, str, str, str]]:
    """(file, heading, what it needs, text) of the programs that check a signature; needs an app context."""
    template = current_app.jinja_env.get_template
    return [
        (file, title, needs, template(f"{FOLDER}/{file}").render(header=signature_header))
        for file, title, needs in SNIPPETS
    ]


def _verification(row: WebhookEndpoint, **more: Any) -> str:
    return render_template(
        "dashboard/webhooks/verify.html",
        **_head(row, "verify"),
        snippets=snippets(row.signature_header),
        **{"check": None, "problem": "", "payload": "", "signature": "", **more},
    )


def _head(row: WebhookEndpoint, tab: str) -> dict[str, Any]:
    return {
        "hook": row,
        "tab": tab,
        "mine": _is_mine(row),
        "status": webhook_endpoints.status(row),
        "limit": config.current().rate_limit_webhook,
    }


def _visible(webhook_id: str) -> WebhookEndpoint:
    me = current_user.me().user
    return webhook_endpoints.get(None if me.is_admin else me.id, webhook_id)


def _mine(webhook_id: str) -> WebhookEndpoint:
    row = _visible(webhook_id)
    if not _is_mine(row):
        raise Conflict("Only its owner can do that. You can pause or delete it.")
    return row


def _is_mine(row: WebhookEndpoint) -> bool:
    return row.owner_id == current_user.me().user.id
