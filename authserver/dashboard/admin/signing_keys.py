"""/admin/signing-keys: which keys sign tokens, which will, and which are on their way out."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from authserver.domain.signing import keys as signing_keys
from authserver.edge import current_user
from authserver.errors import NotFound
from authserver.lib import durations

blueprint = Blueprint("admin_signing_keys", __name__, url_prefix="/admin/signing-keys")


@blueprint.get("")
@current_user.require_admin
def index() -> str:
    """Keys, newest first; those that are gone only on request."""
    removed_too = request.args.get("show") == "all"
    keys = [(key, signing_keys.state(key)) for key in signing_keys.every()]
    shown = [pair for pair in keys if removed_too or pair[1] != "removed"]
    return render_template("dashboard/admin/signing_keys/index.html", keys=shown, removed_too=removed_too)


@blueprint.get("/rotate")
@current_user.require_admin
@current_user.require_recent
def ask_rotate() -> str:
    """What a rotation does."""
    ahead = durations.in_words(signing_keys.PUBLISH_AHEAD)
    return render_template("dashboard/admin/signing_keys/rotate.html", ahead=ahead)


@blueprint.post("/rotate")
@current_user.require_admin
@current_user.require_recent
def rotate() -> Any:
    """Publish new keys."""
    signing_keys.rotate()
    flash(f"New keys are published. They sign in {durations.in_words(signing_keys.PUBLISH_AHEAD)}.", "ok")
    return redirect(url_for("admin_signing_keys.index"), 303)


@blueprint.get("/<kid>/retire")
@current_user.require_admin
@current_user.require_recent
def ask_retire(kid: str) -> str:
    """The two ways out: quietly, or at once because it leaked."""
    return render_template("dashboard/admin/signing_keys/retire.html", key=_get(kid))


@blueprint.post("/<kid>/retire")
@current_user.require_admin
@current_user.require_recent
def retire(kid: str) -> Any:
    """Take a key out of use."""
    at_once = request.form.get("how") == "at_once"
    signing_keys.retire(_get(kid).kid, at_once=at_once)
    done = "Removed and replaced. Nothing it signed is good any more." if at_once else "Retired. It signs nothing new."
    flash(done, "ok")
    return redirect(url_for("admin_signing_keys.index"), 303)


def _get(kid: str) -> Any:
    for key in signing_keys.every():
        if key.kid == kid and signing_keys.state(key) != "removed":
            return key
    raise NotFound("There is no such key.")
