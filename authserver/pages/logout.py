"""/logout: end the session on the server, and clear what the browser kept."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, render_template, url_for

from authserver.domain.people import sessions
from authserver.edge import current_user, headers

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
    found = current_user.signed_in()
    if found:
        sessions.sign_out(found)
        flash("You are signed out.")
    response = make_response(redirect(url_for("login.show"), 303))
    current_user.forget(response)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response
