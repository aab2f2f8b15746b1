"""/this-was-not-me/<token>: the answer to the mail about a sign-in from a new browser."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, make_response, redirect, render_template

from authserver.domain.ground import one_time_links
from authserver.domain.people import users
from authserver.edge import current_user
from authserver.errors import NotFound
from authserver.observability import context

blueprint = Blueprint("this_was_not_me", __name__)


@blueprint.get("/this-was-not-me/<token>")
def show(token: str) -> str:
    """Say what the button does; mail scanners follow links, so looking changes nothing."""
    link = one_time_links.look(token, "not_me")
    return render_template("pages/this_was_not_me.html", token=token, link=link)


@blueprint.post("/this-was-not-me/<token>")
def confirm(token: str) -> Any:
    """End everything, then go on to a new password."""
    response = make_response(redirect(users.disown_sign_in(token), 303))
    current_user.forget(response)
    return response


@blueprint.errorhandler(NotFound)
def dead(error: NotFound) -> tuple[str, int]:
    """A link that is used, too old, or none."""
    context.current().log["error"] = error.detail
    return render_template("pages/dead_link.html", message=error.public, page_error=True), 404
