"""/this-was-not-me/<token>: the answer to the mail about a sign-in from a new browser."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, make_response, render_template, request

from authserver.domain.ground import one_time_links
from authserver.domain.people import sessions
from authserver.domain.tokens import disowning
from authserver.edge import current_user
from authserver.errors import NotFound
from authserver.observability import context

blueprint = Blueprint("this_was_not_me", __name__)


@blueprint.get("/this-was-not-me/<token>")
def show(token: str) -> str:
    """Say what the button does; mail scanners follow links, so looking changes nothing."""
    link = one_time_links.look(token, "not_me")
    made = [each for each in disowning.since(link.user, link.made_at) if each.ends]
    live = len(sessions.list_for(link.user.id))
    return render_template("pages/this_was_not_me.html", token=token, link=link, made=len(made), sessions=live)


@blueprint.post("/this-was-not-me/<token>")
def confirm(token: str) -> Any:
    """End everything, and what was made since, if its box is ticked; a new password needs a mail of its own."""
    current_user.stand_on_nothing()
    user, ended = disowning.disown(token, everything="end_made" in request.form)
    response = make_response(render_template("pages/this_was_not_me_done.html", email=user.email, ended=ended))
    current_user.forget(response)
    return response


@blueprint.errorhandler(NotFound)
def dead(error: NotFound) -> tuple[str, int]:
    """A link that is used, too old, or none."""
    context.current().log["error"] = error.detail
    return render_template("pages/dead_link.html", message=error.public, page_error=True), 404
