"""/password/reset: ask for a link, and choose a new password with it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired

from authserver import keyring
from authserver.domain.ground import one_time_links
from authserver.domain.ground.one_time_links import Found
from authserver.domain.people import links
from authserver.domain.people.credentials import passwords
from authserver.domain.people.users import User
from authserver.domain.tokens import disowning
from authserver.edge import browser, current_user, headers, return_path, waiting_request
from authserver.errors import Invalid, NotFound, RateLimited, Unavailable
from authserver.lib import sealing, secrets
from authserver.observability import context

blueprint = Blueprint("password_reset", __name__)
LONGEST_WAY = 500  # characters of an address that a mail carries
_HERE = "reset asked for here"


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
    """Mail a link, if somebody has this address; the answer does not tell. The link leads back to what waits."""
    form = RequestForm()
    if not form.validate():
        return _request_page(form), 422
    try:
        links.request_reset(form.email.data or "", back=_way_back())
    except Invalid as refused:
        form.email.errors = [refused.public]
        return _request_page(form), 422
    except RateLimited as refused:
        form.form_errors.append(refused.public)
        return _request_page(form), 429, {"Retry-After": str(refused.retry_after)}
    return render_template("pages/password_reset/sent.html", email=form.email.data, **_goes_on())


@blueprint.get("/password/reset/<token>")
def choose(token: str) -> str:
    """The new password's form; looking uses nothing up."""
    return _choose_page(token, one_time_links.look(token, "reset"), NewPasswordForm())


@blueprint.post("/password/reset/<token>")
def save(token: str) -> Any:
    """Use the link up, and go on to what waits: signed in where the link was asked for from this very browser.

    Else it proves the mailbox alone, and whoever was sent somebody else's link is not signed in as them unawares.
    """
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
    return _signed_in(user) if link.mailed and _asked_here() else _to_sign_in(user)


def _signed_in(user: User) -> Response:
    handle = waiting_request.handle()
    if not handle:
        flash("Your new password is set, and you are signed in.")
    target = url_for("authorization.proceed", request=handle) if handle else return_path.address(_next(user))
    response: Response = make_response(redirect(target, 303))
    current_user.forget(response)
    current_user.begin(response, user, "pwd")
    return response


def _to_sign_in(user: User) -> Response:
    flash("Your new password is set. Sign in with it.")
    handle = waiting_request.handle()
    way = url_for("login.show", request=handle) if handle else url_for("login.show", next=_next(user) or None)
    response: Response = make_response(redirect(way, 303))
    current_user.forget(response)
    return response


def _next(user: User) -> str:
    """Where it goes on within our pages; what was made in the last days is shown first, where there is any."""
    made = disowning.since(user, disowning.first_sign_in(user.id))
    return return_path.own(url_for("security.review")) if made else return_path.safe(request.values.get("next", ""), "")


@blueprint.errorhandler(NotFound)
def dead(error: NotFound) -> tuple[str, int]:
    """A link that is used, too old, or none."""
    context.current().log["error"] = error.detail
    return render_template("pages/dead_link.html", message=error.public, page_error=True, **_goes_on()), 404


def _request_page(form: RequestForm) -> str:
    return render_template("pages/password_reset/request.html", form=form, form_errors=form.errors, **_goes_on())


def _choose_page(token: str, link: Found, form: NewPasswordForm) -> str:
    here = request.values.get("here", "") if link.mailed and _asked_here() else ""
    return render_template(
        "pages/password_reset/choose.html",
        token=token,
        link=link,
        form=form,
        form_errors=form.errors,
        here=here,
        **_goes_on(),
    )


def _goes_on() -> dict[str, str]:
    """What waits for the new password: an app's request in this browser, or a page of ours."""
    waiting = waiting_request.find()
    if waiting and waiting.in_popup:
        headers.keep_opener()
    next = return_path.safe(request.values.get("next", ""), "")
    return {"handle": waiting_request.handle(), "next": next if len(next) <= LONGEST_WAY else ""}


def _way_back() -> str:
    """The same for the link in the mail, and the mark by which this browser knows it again."""
    given = _goes_on()
    parts = {"request": given["handle"], "next": given["next"], "here": _mark(keyring.key(_HERE))}
    return urlencode({name: value for name, value in parts.items() if value})


def _asked_here() -> bool:
    given = request.values.get("here", "")
    return any(secrets.equal(given, _mark(key)) for key in keyring.keys(_HERE))


def _mark(key: bytes) -> str:
    return sealing.sign(key, browser.cookie_digest())[:16].hex()
