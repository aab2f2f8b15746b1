"""POST /settings/theme: System, Light or Dark, in a cookie so that the first paint is right; scripts set it."""

from __future__ import annotations

from flask import Blueprint, Response, request

from authserver.edge import browser, csrf, page_context

blueprint = Blueprint("theme", __name__)


@blueprint.post("/settings/theme")
def save() -> Response:
    """Remember the theme. The page stays as it is, with what was typed or is shown once (RFC 9110 section 15.3.5)."""
    response = _stay()
    chosen = request.form.get("theme", "")
    if chosen in page_context.THEMES:
        browser.set_cookie(response, page_context.THEME_COOKIE, chosen, max_age=browser.YEAR, for_scripts=True)
    return response


def _stay() -> Response:
    return Response(status=204)


# Of a page whose session has ended meanwhile: an error page would take what is on it.
csrf.instead["theme.save"] = _stay
