"""/settings/api-keys: list, look at, rotate and revoke API keys (ux.md 2.6)."""

from __future__ import annotations

import shlex
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for

from authserver import config
from authserver.domain.access import scopes
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys import wishes as key_wishes
from authserver.domain.ground import usage
from authserver.domain.insight import audit_search, audit_sentences
from authserver.domain.people import users
from authserver.edge import current_user, one_shot, paging
from authserver.errors import Conflict, Invalid
from authserver.lib import durations

blueprint = Blueprint("api_keys", __name__, url_prefix="/settings/api-keys")
CHART_DAYS = 30
STATUSES = (("", "All"), ("active", "Active"), ("unused", "Never used"), ("expired", "Expired"), ("revoked", "Revoked"))
OVERLAPS = (
    ("now", "Now", "The old key stops at once. For a leak."),
    ("1h", "1 hour", "Enough to restart one service."),
    ("24h", "24 hours", "Replace it everywhere within a day."),
    ("3d", "3 days", "Over a weekend."),
    ("7d", "7 days", "For scripts that run once a week."),
)


@blueprint.get("")
@current_user.require_user
def index() -> str:
    """The person's keys; administrators may look at everybody's."""
    me = current_user.me().user
    status = request.args.get("status", "")
    status = status if status in dict(STATUSES) else ""
    everybody = me.is_admin and request.args.get("whose") == "all"
    keys, total = api_keys.page(None if everybody else me.id, status=status, **paging.asked())
    return render_template(
        "dashboard/api_keys/index.html",
        keys=keys,
        total=total,
        status=status,
        statuses=STATUSES,
        everybody=everybody,
        status_of=api_keys.status,
        owners=users.emails_of({key.owner_id for key in keys}) if everybody else {},
        uses=usage.per_day_of(usage.KEY_CHECKS, [f"key:{key.id}" for key in keys], days=CHART_DAYS),
        cli_owner=shlex.quote(me.email),
    )


@blueprint.get("/<key_id>")
@current_user.require_user
def show(key_id: str) -> str:
    """What a key may do, who used it last, when it ends."""
    me, key = current_user.me().user, _visible(key_id)
    owner = me if key.owner_id == me.id else users.get(key.owner_id)
    about = audit_search.Wanted(visible_to=None if me.is_admin else me.id, about=f"key:{key.id}")
    known = scopes.all()
    per_day = usage.per_day(usage.KEY_CHECKS, days=CHART_DAYS, subjects=[f"key:{key.id}"])
    return render_template(
        "dashboard/api_keys/show.html",
        key=key,
        owner=owner,
        mine=owner.id == me.id,
        status=api_keys.status(key),
        live=api_keys.is_live(key),
        can=[known[name] for name in api_keys.scopes_of(key, owner.role) if name in known],
        limit=key.rate_limit or config.current().rate_limit_api_key,
        points=[count for _, count in per_day],
        labels=[_day(at) for at, _ in per_day],
        events=audit_sentences.for_viewer(audit_search.latest(about, limit=20), me),
    )


@blueprint.get("/<key_id>/rotate")
@current_user.require_user
@current_user.require_developer
def ask_rotate(key_id: str) -> Any:
    """How long shall the old key work on?"""
    return _rotation(_mine(key_id))


def _is_strong(key_id: str) -> bool:
    key = _mine(key_id)
    return key_wishes.is_strong(key.permission, key.expires_at and key.expires_at - key.created_at)


@blueprint.post("/<key_id>/rotate")
@current_user.require_user
@current_user.require_developer
@current_user.require_recent_if(_is_strong, back=lambda key_id: url_for("api_keys.ask_rotate", key_id=key_id))
def rotate(key_id: str) -> Any:
    """Make the successor and show it, once, in this answer."""
    key, choice = _mine(key_id), request.form.get("overlap", "")
    if choice not in api_keys.OVERLAPS:
        return _rotation(key, "Choose how long the old key works on."), 422
    if not one_shot.spend():
        return _already_shown()
    try:
        fresh, value = api_keys.rotate(current_user.me().user, key.id, overlap=api_keys.OVERLAPS[choice])
    except (Conflict, Invalid) as refused:
        return _rotation(key, refused.public), refused.status
    old = api_keys.get(key.owner_id, key.id)
    return render_template("dashboard/api_keys/created.html", key=fresh, value=value, old=old)


@blueprint.get("/<key_id>/revoke")
@current_user.require_user
def ask_revoke(key_id: str) -> Any:
    """The consequence, before it happens."""
    key = _visible(key_id)
    if not api_keys.is_live(key):
        return redirect(url_for("api_keys.show", key_id=key.id), 303)
    return render_template("dashboard/api_keys/revoke.html", key=key)


@blueprint.post("/<key_id>/revoke")
@current_user.require_user
def revoke(key_id: str) -> Any:
    """End a key; also what "Discard key" does right after it was shown."""
    key = _visible(key_id)
    api_keys.revoke(key.owner_id, key.id)
    flash(f"{key.name} is revoked. Whatever still uses it is refused from now on.", "ok")
    mine = key.owner_id == current_user.me().user.id
    return make_response(redirect(url_for("api_keys.index", whose=None if mine else "all"), 303))


def _visible(key_id: str) -> api_keys.ApiKey:
    me = current_user.me().user
    return api_keys.get(None if me.is_admin else me.id, key_id)


def _mine(key_id: str) -> api_keys.ApiKey:
    return api_keys.get(current_user.me().user.id, key_id)


def _rotation(key: api_keys.ApiKey, problem: str = "") -> str:
    return render_template(
        "dashboard/api_keys/rotate.html", key=key, overlaps=OVERLAPS, problem=problem, live=api_keys.is_live(key)
    )


def _already_shown() -> tuple[str, int]:
    return render_template("dashboard/api_keys/already_shown.html"), 409


def _day(at: int) -> str:
    return durations.absolute(at).partition(",")[0].rpartition(" ")[0]
