"""/admin/blocked-apps: apps that registered themselves, who allowed them, and what of them is blocked."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField
from wtforms.validators import InputRequired

from authserver.domain.clients import blocked_apps
from authserver.domain.tokens import app_makings
from authserver.edge import current_user, form_problems, kept_forms, undo
from authserver.errors import Invalid

blueprint = Blueprint("admin_blocked_apps", __name__, url_prefix="/admin/blocked-apps")


class BlockForm(FlaskForm):
    """What is to be blocked."""

    what = StringField(
        "Host, name or client id",
        [InputRequired("Enter a host, a name or a client id.")],
        description="A host counts with everything below it. What falls under it stops within a second.",
    )
    end_made = BooleanField(
        "End what they made for people, too",
        description="API keys, webhooks and secrets end for good; apps are disabled, and can be enabled again.",
    )


@blueprint.get("")
@current_user.require_admin
def index() -> Any:
    """Both lists; the form, filled in with what a line of the first one is to be blocked by."""
    what = request.args.get("what", "")[:255]
    return _page(BlockForm(None, what=what, end_made=True), kind=request.args.get("kind", "") if what else "")


@blueprint.post("/block")
@current_user.require_admin
@current_user.require_recent
def block() -> Any:
    """Block a host, a name or an app: whatever falls under it stops within a second, and nothing like it comes."""
    form = BlockForm()
    if not form.validate():
        return _page(form, kind=request.form.get("kind", "")), 422
    try:
        made = blocked_apps.block(form.what.data or "", kind=request.form.get("kind", ""))
    except Invalid as refused:
        form_problems.blame(form, refused)
        return _page(form, kind=request.form.get("kind", "")), 422
    ended = app_makings.end_all_of_blocked() if form.end_made.data else 0
    said = f" {ended} {'thing' if ended == 1 else 'things'} that they made ended." if form.end_made.data else ""
    flash(f"Apps of the {made.kind} {made.value} are blocked.{said}", "success")
    return redirect(url_for("admin_blocked_apps.index"), 303)


@blueprint.post("/unblock")
@current_user.require_admin
@current_user.require_recent
def unblock() -> Any:
    """Take a block back."""
    what, kind = request.form.get("what", ""), request.form.get("kind", "")
    blocked_apps.unblock(what, kind=kind)
    undo.offer("The block is taken back.", "admin_blocked_apps.block", fields={"what": what, "kind": kind})
    return redirect(url_for("admin_blocked_apps.index"), 303)


def _filled_in() -> str:
    """The form as it was for this kind of block."""
    kind, what = request.form.get("kind") or None, request.form.get("what") or None
    return url_for("admin_blocked_apps.index", kind=kind, what=what)


kept_forms.pages["admin_blocked_apps.block"] = _filled_in


def _page(form: BlockForm, *, kind: str) -> str:
    return render_template(
        "dashboard/admin/blocked_apps/index.html", form=form, kind=kind, form_errors=form.errors,
        blocks=blocked_apps.all(),
        lines=[(each, _host(each.newest.redirect_uris)) for each in blocked_apps.listed()],
    )  # fmt: skip


def _host(uris: list[str]) -> str:
    """Where an app leads to, as far as that is one host of the web."""
    hosts = {urlsplit(uri).hostname or "" for uri in uris if uri.startswith("https://")}
    return hosts.pop() if len(hosts) == 1 else ""
