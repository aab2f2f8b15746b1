"""What apps may watch of a sign-in in a browser: a cookie without a secret, and a state made of it for each app.

OpenID Connect Session Management 1.0; contract 11.53 has its exceptions to the rules for cookies and frames.
"""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

from authserver import config
from authserver.config import Settings
from authserver.domain.clients import clients
from authserver.edge import browser
from authserver.lib import redirect_uris, secrets

COOKIE = "state"


def is_on(settings: Settings) -> bool:
    """Whether apps may watch; browsers keep a cookie of frames over https alone."""
    return settings.has_logout_channels and settings.https


def renew(response: Response) -> None:
    """Somebody signed in: what apps see changes. The value opens nothing, and scripts of our frame read it."""
    if is_on(config.current()):
        response.set_cookie(
            browser.cookie_name(COOKIE), secrets.random_token(16), path="/", secure=True, httponly=False,
            samesite="None",
        )  # fmt: skip


def drop(response: Response) -> None:
    """Nobody is signed in any more."""
    if is_on(config.current()):
        response.delete_cookie(browser.cookie_name(COOKIE), path="/", secure=True, httponly=False, samesite="None")


def of(id: str, redirect_uri: str) -> str:
    """`session_state` of an answer to an app (section 3); empty where there is nothing to watch."""
    value, client = request.cookies.get(browser.cookie_name(COOKIE), ""), clients.find(id)
    if not value or client is None or not is_on(config.current()) or redirect_uris.is_custom_scheme(redirect_uri):
        return ""
    salt = secrets.random_token(16)
    text = f"{client.client_id} {redirect_uris.origin(redirect_uri)} {value} {salt}"
    return f"{secrets.digest(text).hex()}.{salt}"
