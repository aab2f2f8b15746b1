"""/logout: end the session on the server, and clear what the browser kept."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, url_for

from authserver.edge import current_user, headers, sign_out

blueprint = Blueprint("logout", __name__)


@blueprint.get("/logout")
def show() -> Any:
    """Ask first: a link alone signs nobody out."""
    if current_user.signed_in() is None:
        return redirect(url_for("login.show"), 303)
    headers.leave_out_form_action()
    return render_template("pages/logout.html")


@blueprint.post("/logout")
def end() -> Response:
    """Sign out; the cookie is worthless from now on, wherever a copy of it may be."""
    if current_user.signed_in():
        flash("You are signed out.")
    return sign_out.to(url_for("login.show"))
