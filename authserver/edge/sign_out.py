"""Signing out of this browser: the session on the server, its cookie, what the browser kept, and apps in frames."""

from __future__ import annotations

from flask import Response, make_response, redirect, render_template

from authserver.domain.people import sessions
from authserver.edge import current_user, headers
from authserver.lib import redirect_uris

CLEARED = '"cache", "storage"'
SECONDS = 3  # that frames have before the page moves on; nobody can tell when they are done


def to(target: str) -> Response:
    """End the session, if there is one, and go on to `target`, which must be ours or verified."""
    found = current_user.signed_in()
    return cleared(_framed(sessions.sign_out(found), target) if found else None, target)


def cleared(response: Response | None, target: str) -> Response:
    """The same where the session has ended; without a page of its own the answer is a redirect."""
    answer: Response = response or make_response(redirect(target, 303))
    current_user.forget(answer)
    answer.headers["Clear-Site-Data"] = CLEARED
    return answer


def _framed(frames: list[str], target: str) -> Response | None:
    """A page that loads each app's own sign-out in a frame, and moves on (OpenID Front-Channel Logout 1.0, 3)."""
    if not frames:
        return None
    headers.frame(sorted({redirect_uris.origin(each) for each in frames}))
    host = "" if target.startswith("/") else redirect_uris.display_host(target)
    response = make_response(render_template("pages/logout_frames.html", frames=frames, target=target, host=host))
    response.headers["Refresh"] = f"{SECONDS}; url={target}"
    return response
