"""POST /settings/theme: System, Light or Dark, in a cookie so that the first paint is right."""

from __future__ import annotations

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from authserver.edge import browser, page_context, return_path

blueprint = Blueprint("theme", __name__)


@blueprint.post("/settings/theme")
def save() -> Response:
    """Remember the theme and go back."""
    response = redirect(return_path.address(request.form.get("next", "")), 303)
    chosen = request.form.get("theme", "")
    if chosen in page_context.THEMES:
        browser.set_cookie(response, "theme", chosen, max_age=browser.YEAR)
    return response
