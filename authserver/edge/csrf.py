"""Form tokens: bound to the session (or, before it, the browser) and to the form's target."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, abort, g, request
from werkzeug.wrappers import Response

from authserver import keyring
from authserver.domain.people import sessions
from authserver.edge import browser, current_user, kept_forms
from authserver.lib import clock, sealing
from authserver.observability import logs

FIELD = "csrf_token"
LIFETIME = 12 * 3600
OUR_SITES = frozenset({"same-origin", "none"})  # of Sec-Fetch-Site
PAGE = "document"  # of Sec-Fetch-Dest: a script that asks has no page to be led to
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
    """Refuse an unsafe request without the token of its form; keep the form of a session that ran out meanwhile."""
    if request.method in {"GET", "HEAD", "OPTIONS"} or request.endpoint is None:
        return None
    if request.endpoint in exempt or request.endpoint.startswith(EXEMPT_PREFIXES):
        return None
    text, ours = request.form.get(FIELD, ""), request.headers.get("Sec-Fetch-Site", "same-origin") in OUR_SITES
    if ours and valid(text, request.endpoint):
        return None
    if (
        ours
        and request.headers.get("Sec-Fetch-Dest", PAGE) == PAGE
        and (user_id := _whose_ran_out(text, request.endpoint))
    ):
        # What asks for no session acts with nobody's authority, and can as well be done now.
        wants_person = kept_forms.is_for_signed_in(request.endpoint)
        return kept_forms.keep(request.endpoint, user_id, but=FIELD) if wants_person else None
    logs.event("csrf_refused", level="warning", endpoint=request.endpoint, cookies=browser.sends_cookies())
    g.csrf_refused = True
    if ours and request.endpoint in instead:
        answer = instead[request.endpoint]()
        if answer is not None:
            return answer
    return abort(400)


def valid(text: str, endpoint: str, holder: str = "") -> bool:
    """Whether a token was made for this session (or this `holder`) and this form within its lifetime."""
    stamp, _, tag = text.partition(".")
    try:
        made, tag_bytes = int(stamp[:16], 16), bytes.fromhex(tag)
    except ValueError:
        return False
    if not -clock.LEEWAY <= clock.now() - made <= LIFETIME:  # another node's clock may be ahead
        return False
    return sealing.verify(keyring.keys("csrf"), _message(endpoint, made, holder), tag_bytes)


def _whose_ran_out(text: str, endpoint: str) -> str:
    """The person whose session had this form, if it has ended by time alone; empty for any other token.

    That of this browser, or an earlier one of who has signed in again meanwhile, in another tab.
    """
    if (before := current_user.lapsed()) is not None:
        return before.user.id if valid(text, endpoint, f"session {before.session.id}") else ""
    found = current_user.signed_in()
    if found is None or not kept_forms.is_for_signed_in(endpoint):
        return ""
    earlier = sessions.lapsed_of(found.user.id)
    return found.user.id if any(valid(text, endpoint, f"session {each}") for each in earlier) else ""


def _message(endpoint: str, made: int, holder: str = "") -> bytes:
    return f"{holder or _holder()} {endpoint} {made:x}".encode()


def _holder() -> str:
    found = current_user.signed_in()
    return f"session {found.session.id}" if found else f"browser {browser.cookie_digest().hex()}"
