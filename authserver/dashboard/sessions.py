"""/settings/sessions: where one is signed in, and signing out there (ux.md 2.8)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from authserver.domain.grants import grants, logout_notices
from authserver.domain.people import sessions
from authserver.edge import current_user, sign_out
from authserver.errors import NotFound
from authserver.lib import user_agents

blueprint = Blueprint("sessions", __name__)
METHODS = {"pwd": "Password", "otp": "One-time link"}


@blueprint.get("/settings/sessions")
@current_user.require_user
@current_user.require_recent
def index() -> str:
    """Every live session, this one first."""
    return _page()


@blueprint.post("/settings/sessions/<session_id>/end")
@current_user.require_user
@current_user.require_recent
def end(session_id: str) -> Any:
    """Sign one session out."""
    me = current_user.me()
    flash("Signed out there. Apps allowed in it keep their access.")
    if session_id == me.session.id:
        return sign_out.to(url_for("login.show"))
    sessions.end(me.user.id, session_id)
    return redirect(url_for("sessions.index"), 303)


@blueprint.post("/settings/sessions/end-others")
@current_user.require_user
@current_user.require_recent
def end_others() -> Any:
    """Sign out everywhere else; if wished, apps lose their access too."""
    me = current_user.me()
    count = sessions.end_all(me.user.id, but=me.session.id)
    text = f"{count} other session{'' if count == 1 else 's'} signed out."
    if request.form.get("apps") == "1":
        cut = sum(grants.revoke(grant.id, "signed_out_everywhere") for grant in grants.live_for(me.user.id))
        text += f" {cut} app sign-in{'' if cut == 1 else 's'} cut off."
    flash(text)
    return redirect(url_for("sessions.index"), 303)


@blueprint.errorhandler(NotFound)
def gone(error: NotFound) -> Any:
    """An id that is gone and one of somebody else's get the same answer."""
    flash(error.public, "info")
    return _page(), 404


def _page() -> str:
    me = current_user.me()
    rows = sorted(sessions.list_for(me.user.id), key=lambda row: (row.id != me.session.id, -row.seen_at))
    return render_template(
        "dashboard/sessions/index.html",
        sessions=[
            {
                "row": row,
                "device": user_agents.describe(row.user_agent),
                "method": ", ".join(METHODS.get(each, each) for each in row.amr),
                "current": row.id == me.session.id,
            }
            for row in rows
        ],
        apps=grants.apps_of_sessions([row.id for row in rows]),
        told=logout_notices.list_for(me.user.id),
    )
