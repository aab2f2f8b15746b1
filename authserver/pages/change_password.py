"""GET /.well-known/change-password: where password managers send people (W3C, change-password-url)."""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

blueprint = Blueprint("change_password", __name__)


@blueprint.get("/.well-known/change-password")
def show() -> Response:
    """To the page that changes it, by way of sign-in."""
    return redirect(url_for("security.show"), 302)
