"""GET /oauth/session: the frame that apps ask whether their person is signed in (OpenID Session Management 1.0)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from authserver.config import Settings
from authserver.edge import browser, headers, session_state

blueprint = Blueprint("check_session", __name__)
PATH = "/oauth/session"


def described(settings: Settings) -> dict[str, Any]:
    """Its member of the metadata (section 3.3)."""
    return {"check_session_iframe": settings.issuer + PATH}


@blueprint.get(PATH)
def show() -> str:
    """A page of one script; any site may frame it, and it does nothing but answer."""
    headers.let_be_framed()
    return render_template("pages/session_frame.html", cookie=browser.cookie_name(session_state.COOKIE))
