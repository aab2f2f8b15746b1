"""/admin/blocked-apps: apps that registered themselves, who allowed them, and what of them is blocked."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, flash, redirect, render_template, request, url_for

from authserver.domain.clients import blocked_apps
from authserver.edge import current_user
from authserver.errors import Invalid

blueprint = Blueprint("admin_blocked_apps", __name__, url_prefix="/admin/blocked-apps")


@blueprint.get("")
@current_user.require_admin
def index() -> Any:
    """Both lists."""
    return _page()


@blueprint.post("/block")
@current_user.require_admin
@current_user.require_recent
def block() -> Any:
    """Block a host, a name or an app: whatever falls under it stops within a second, and nothing like it comes."""
    what, kind = request.form.get("what", ""), request.form.get("kind", "")
    try:
        made = blocked_apps.block(what, kind=kind)
    except Invalid as refused:
        return _page(problem=refused.public, what=what), 422
    flash(f"Apps of the {made.kind} {made.value} are blocked.", "success")
    return redirect(url_for("admin_blocked_apps.index"), 303)


@blueprint.post("/unblock")
@current_user.require_admin
@current_user.require_recent
def unblock() -> Any:
    """Take a block back."""
    blocked_apps.unblock(request.form.get("what", ""), kind=request.form.get("kind", ""))
    flash("The block is taken back.", "success")
    return redirect(url_for("admin_blocked_apps.index"), 303)


def _page(problem: str = "", what: str = "") -> str:
    lines = [(each, _host(each.newest.redirect_uris)) for each in blocked_apps.listed()]
    return render_template(
        "dashboard/admin/blocked_apps/index.html", lines=lines, blocks=blocked_apps.all(), problem=problem, what=what,
        form_errors={"what": [problem]} if problem else {},
    )  # fmt: skip


def _host(uris: list[str]) -> str:
    """Where an app leads to, as far as that is one host of the web."""
    hosts = {urlsplit(uri).hostname or "" for uri in uris if uri.startswith("https://")}
    return hosts.pop() if len(hosts) == 1 else ""
