"""/welcome/<token>: the first password of an account, or the demo's sign-in (contract.md 11.30)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, render_template, url_for
from flask_wtf import FlaskForm
from wtforms import PasswordField
from wtforms.validators import InputRequired

from authserver.domain.ground import one_time_links
from authserver.domain.ground.one_time_links import Found
from authserver.domain.people import links
from authserver.domain.people.credentials import passwords
from authserver.domain.people.users import User
from authserver.edge import browser, current_user, waiting_request
from authserver.errors import Invalid, NotFound, Unavailable
from authserver.observability import context

blueprint = Blueprint("welcome", __name__)


class WelcomeForm(FlaskForm):
    """The new password."""

    new_password = PasswordField("Password", [InputRequired("Choose a password.")])


@blueprint.get("/welcome/<token>")
def show(token: str) -> str:
    """Say whose account it is; looking uses nothing up."""
    return _page(token, one_time_links.look(token, "welcome", "sign_in"), WelcomeForm())


@blueprint.post("/welcome/<token>")
def accept(token: str) -> Any:
    """Use the link up, and sign its person in."""
    link = one_time_links.look(token, "welcome", "sign_in")
    if link.purpose == "sign_in":
        return _sign_in(links.use_sign_in_link(token), "otp")
    form = WelcomeForm()
    if not form.validate():
        return _page(token, link, form), 422
    try:
        user = passwords.set_by_link(token, form.new_password.data or "", "welcome", device=browser.cookie_digest())
    except Invalid as refused:
        form.new_password.errors = [refused.public]
        return _page(token, link, form), 422
    except Unavailable as refused:
        form.form_errors.append(refused.public)
        return _page(token, link, form), refused.status, {"Retry-After": str(refused.retry_after)}
    if not waiting_request.handle():
        flash("Your password is set, and you are signed in.")
    return _sign_in(user, "pwd")


@blueprint.errorhandler(NotFound)
def dead(error: NotFound) -> tuple[str, int]:
    """A link that is used, too old, or none."""
    context.current().log["error"] = error.detail
    return render_template("pages/dead_link.html", message=error.public, page_error=True), 404


def _sign_in(user: User, method: str) -> Response:
    waiting = waiting_request.handle()
    target = url_for("authorization.proceed", request=waiting) if waiting else url_for("overview.show")
    response = make_response(redirect(target, 303))
    current_user.begin(response, user, method)
    return response


def _page(token: str, link: Found, form: WelcomeForm) -> str:
    return render_template(
        "pages/welcome.html",
        token=token,
        link=link,
        form=form,
        form_errors=form.errors,
        handle=waiting_request.handle(),
    )
