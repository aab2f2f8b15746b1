"""/admin/set-aside: mails and sign-outs of apps that were given up, and trying them again."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from authserver.domain.running import set_aside
from authserver.edge import current_user

blueprint = Blueprint("admin_set_aside", __name__, url_prefix="/admin/set-aside")


@blueprint.get("")
@current_user.require_admin
def index() -> Any:
    """What was given up in the last three days."""
    return render_template("dashboard/admin/set_aside/index.html", jobs=set_aside.jobs())


@blueprint.post("/retry")
@current_user.require_admin
@current_user.require_recent
def retry() -> Any:
    """Put one at the beginning of its schedule."""
    set_aside.try_again(request.form.get("job", ""))
    flash("It is tried again.", "success")
    return redirect(url_for("admin_set_aside.index"), 303)
