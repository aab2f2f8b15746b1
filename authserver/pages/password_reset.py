"""/password/reset: ask for a link, and choose a new password with it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired

from authserver.domain.ground import one_time_links
from authserver.domain.ground.one_time_links import Found
from authserver.domain.people import links
from authserver.domain.people.credentials import passwords
from authserver.domain.tokens import disowning
from authserver.edge import browser, current_user
from authserver.errors import Invalid, NotFound, RateLimited, Unavailable
from authserver.observability import context

blueprint = Blueprint("password_reset", __name__)


class RequestForm(FlaskForm):
    """Whose password."""

    email = EmailField("Email", [InputRequired("Enter your email.")])


class NewPasswordForm(FlaskForm):
    """The new password."""

    new_password = PasswordField("New password", [InputRequired("Choose a password.")])


@blueprint.get("/password/reset")
def show() -> str:
    """Ask for the address."""
    found = current_user.signed_in()
    email = found.user.email if found else request.args.get("email", "")[:254]
    return _request_page(RequestForm(formdata=None, email=email))


@blueprint.post("/password/reset")
def request_link() -> Any:
    """Mail a link, if somebody has this address; the answer does not tell."""
    form = RequestForm()
    if not form.validate():
        return _request_page(form), 422
    try:
        links.request_reset(form.email.data or "")
    except Invalid as refused:
        form.email.errors = [refused.public]
        return _request_page(form), 422
    except RateLimited as refused:
        form.form_errors.append(refused.public)
        return _request_page(form), 429, {"Retry-After": str(refused.retry_after)}
    return render_template("pages/password_reset/sent.html")


@blueprint.get("/password/reset/<token>")
def choose(token: str) -> str:
    """The new password's form; looking uses nothing up."""
    return _choose_page(token, one_time_links.look(token, "reset"), NewPasswordForm())


@blueprint.post("/password/reset/<token>")
def save(token: str) -> Any:
    """Use the link up. It proves the mailbox, so signing in with the new password is the next step."""
    form = NewPasswordForm()
    link = one_time_links.look(token, "reset")
    if not form.validate():
        return _choose_page(token, link, form), 422
    try:
        user = passwords.set_by_link(token, form.new_password.data or "", "reset", device=browser.cookie_digest())
    except Invalid as refused:
        form.new_password.errors = [refused.public]
        return _choose_page(token, link, form), 422
    except Unavailable as refused:
        form.form_errors.append(refused.public)
        return _choose_page(token, link, form), refused.status, {"Retry-After": str(refused.retry_after)}
    flash("Your new password is set. Sign in with it.")
    # What was made in the last days is shown after signing in, where there is any.
    made = disowning.since(user, disowning.first_sign_in(user.id))
    review = url_for("security.review") if made else None
    response: Response = make_response(redirect(url_for("login.show", next=review), 303))
    current_user.forget(response)
    return response


@blueprint.errorhandler(NotFound)
def dead(error: NotFound) -> tuple[str, int]:
    """A link that is used, too old, or none."""
    context.current().log["error"] = error.detail
    return render_template("pages/dead_link.html", message=error.public, page_error=True), 404


def _request_page(form: RequestForm) -> str:
    return render_template("pages/password_reset/request.html", form=form, form_errors=form.errors)


def _choose_page(token: str, link: Found, form: NewPasswordForm) -> str:
    return render_template(
        "pages/password_reset/choose.html", token=token, link=link, form=form, form_errors=form.errors
    )
