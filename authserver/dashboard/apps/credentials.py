"""/apps/<id>/credentials: the secrets of an app, and how they are replaced (ux.md 2.5)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for

from authserver.domain.clients import ownership
from authserver.domain.clients import secrets as client_secrets
from authserver.edge import current_user, one_shot
from authserver.errors import Conflict, Invalid, NotFound
from authserver.lib import clock, durations

blueprint = Blueprint("apps_credentials", __name__)
OVERLAPS = (
    ("now", "Now", "It leaked, or nothing uses it."),
    ("1h", "In 1 hour", "Enough to restart one service."),
    ("24h", "In 24 hours", "Replace it everywhere within a day."),
    ("3d", "In 3 days", "Over a weekend."),
    ("7d", "In 7 days", "For apps that others install."),
)


@blueprint.get("/apps/<client_id>/credentials")
@current_user.require_user
def index(client_id: str) -> Any:
    """The secrets: which work, who used them last, when they end."""
    client = _mine(client_id)
    return render_template(
        "dashboard/apps/credentials.html", client=client, secrets=client_secrets.of(client.id), **_overlap(client)
    )


@blueprint.get("/apps/<client_id>/secrets/rotate")
@current_user.require_user
@current_user.require_recent
def ask(client_id: str) -> Any:
    """How long shall the old one work on?"""
    return _page(_confidential(client_id))


@blueprint.post("/apps/<client_id>/secrets/rotate")
@current_user.require_user
@current_user.require_recent
def rotate(client_id: str) -> Any:
    """Make a new secret and show it, once."""
    client = _confidential(client_id)
    choice, force = request.form.get("overlap", ""), request.form.get("force") == "1"
    if choice not in client_secrets.OVERLAPS:
        return _page(client, "Choose when the old secret stops."), 422
    if len(client_secrets.active(client.id)) >= client_secrets.MAX_ACTIVE and not force:
        return _page(client, "A rotation is still open. End the old secret first, or tick the box to force it."), 409
    if not one_shot.spend():
        return render_template("dashboard/apps/already_shown.html", what="secret", client=client), 409
    try:
        rotation = client_secrets.rotate(
            current_user.me().user, client.id, client_secrets.OVERLAPS[choice], force=force
        )
    except (Conflict, Invalid) as refused:
        return _page(client, refused.public), refused.status
    answer = make_response(render_template("dashboard/apps/rotated.html", client=client, rotation=rotation))
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.get("/apps/<client_id>/secrets/<secret_id>/revoke")
@current_user.require_user
def ask_revoke(client_id: str, secret_id: str) -> Any:
    """What stops if this secret ends?"""
    client = _confidential(client_id)
    active = client_secrets.active(client.id)
    secret = next((each for each in active if each.id == secret_id), None)
    if secret is None:
        raise NotFound("There is no such secret.")
    return render_template("dashboard/apps/revoke_secret.html", client=client, secret=secret, last=len(active) == 1)


@blueprint.post("/apps/<client_id>/secrets/<secret_id>/revoke")
@current_user.require_user
def revoke(client_id: str, secret_id: str) -> Any:
    """End one secret at once."""
    client_secrets.revoke(current_user.me().user, client_id, secret_id)
    flash("The secret has ended. Whatever still used it gets an error now.", "success")
    return redirect(url_for("apps_credentials.index", client_id=client_id), 303)


def _mine(client_id: str) -> Any:
    return ownership.visible_to(current_user.me().user, client_id)


def _confidential(client_id: str) -> Any:
    client = _mine(client_id)
    if client.public:
        raise NotFound("An app of this kind has no secret.")
    return client


def _page(client: Any, error: str = "") -> str:
    return render_template(
        "dashboard/apps/rotate.html", client=client, choices=OVERLAPS, error=error, page_error=error,
        chosen=request.form.get("overlap") or client_secrets.DEFAULT_OVERLAP, **_overlap(client),
    )  # fmt: skip


def _overlap(client: Any) -> dict[str, Any]:
    active = client_secrets.active(client.id)
    old = active[1] if len(active) > 1 else None
    left = durations.in_words(max((old.expires_at or 0) - clock.now(), 0)) if old else ""
    return {"active": active, "old": old, "left": left}
