"""/signup: ask for an account, where the operator allows it; the mailed link proves the address."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template
from flask_wtf import FlaskForm
from wtforms import EmailField, StringField
from wtforms.validators import InputRequired

from authserver import config
from authserver.domain.people import sign_ups
from authserver.edge import headers, waiting_request
from authserver.errors import Invalid, NotFound, RateLimited

blueprint = Blueprint("signup", __name__)


class SignUpForm(FlaskForm):
    """Who it is; the password comes with the link."""

    name = StringField("Name")
    email = EmailField("Email", [InputRequired("Enter your email.")])


@blueprint.before_request
def only_where_open() -> None:
    """Where sign-up is off there is no such page."""
    if config.current().signup != "on":
        raise NotFound("There is no such page.", "sign-up is off")


@blueprint.get("/signup")
def show() -> str:
    """The form; for an app that waits (prompt=create) its request goes along."""
    return _page(SignUpForm())


@blueprint.post("/signup")
def submit() -> Any:
    """Mail a link; the answer is the same for a new address and a known one."""
    form = SignUpForm()
    if not form.validate():
        return _page(form), 422
    try:
        sign_ups.sign_up(form.email.data or "", form.name.data or "", request=waiting_request.handle())
    except Invalid as refused:
        form[refused.field].errors = [refused.public]
        return _page(form), 422
    except RateLimited as refused:
        form.form_errors.append(refused.public)
        return _page(form), 429, {"Retry-After": str(refused.retry_after)}
    return render_template("pages/signup_sent.html")


def _page(form: SignUpForm) -> str:
    waiting = waiting_request.find()
    if waiting and waiting.in_popup:
        headers.keep_opener()
    hint = waiting.login_hint if waiting else ""
    if hint and not form.is_submitted():
        form.email.process_data(hint)
    return render_template(
        "pages/signup.html", form=form, form_errors=form.errors, handle=waiting_request.handle(), waiting=waiting
    )
