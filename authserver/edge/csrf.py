"""Form tokens: bound to the session (or, before it, the browser) and to the form's target."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, abort, g, request
from werkzeug.wrappers import Response

from authserver import keyring
from authserver.edge import browser, current_user
from authserver.lib import clock, sealing
from authserver.observability import logs

FIELD = "csrf_token"
LIFETIME = 12 * 3600
# Endpoints that take unsafe requests without a form of ours: they carry no authority of the browser's.
EXEMPT_PREFIXES = ("machine:",)
exempt: set[str] = set()
# What an endpoint answers instead of "This form has expired", having done nothing of what the form asked for.
instead: dict[str, Callable[[], Response | None]] = {}


def init_app(app: Flask) -> None:
    """Check every unsafe request before its view, and give templates `csrf_token(endpoint)`."""
    app.before_request(protect)
    app.jinja_env.globals["csrf_token"] = token


def token(endpoint: str, **_ignored: str) -> str:
    """The token for a form that posts to this Flask endpoint."""
    made = clock.now()
    return f"{made:x}.{sealing.sign(keyring.key('csrf'), _message(endpoint, made)).hex()}"


def protect() -> Response | None:
    """Refuse an unsafe request without the token of its form."""
    if request.method in {"GET", "HEAD", "OPTIONS"} or request.endpoint is None:
        return None
    if request.endpoint in exempt or request.endpoint.startswith(EXEMPT_PREFIXES):
        return None
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if site not in {"same-origin", "none"} or not valid(request.form.get(FIELD, ""), request.endpoint):
        logs.event("csrf_refused", level="warning", endpoint=request.endpoint, cookies=browser.sends_cookies())
        g.csrf_refused = True
        if site in {"same-origin", "none"} and request.endpoint in instead:
            answer = instead[request.endpoint]()
            if answer is not None:
                return answer
        abort(400)
    return None


def valid(text: str, endpoint: str) -> bool:
    """Whether a token was made for this session and this form within its lifetime."""
    stamp, _, tag = text.partition(".")
    try:
        made, tag_bytes = int(stamp[:16], 16), bytes.fromhex(tag)
    except ValueError:
        return False
    if not -clock.LEEWAY <= clock.now() - made <= LIFETIME:  # another node's clock may be ahead
        return False
    return sealing.verify(keyring.keys("csrf"), _message(endpoint, made), tag_bytes)


def _message(endpoint: str, made: int) -> bytes:
    found = current_user.signed_in()
    holder = f"session {found.session.id}" if found else f"browser {browser.cookie_digest().hex()}"
    return f"{holder} {endpoint} {made:x}".encode()
