"""/login: a person proves who they are, for the first time or once more (ux.md 2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired

from authserver.domain.authorization import requests as authorization_requests
from authserver.domain.authorization.requests import PendingView
from authserver.domain.people.credentials import passwords
from authserver.domain.people.sessions import SignedIn
from authserver.edge import browser, csrf, current_user, headers, kept_forms, return_path
from authserver.errors import Denied, DomainError, RateLimited, Unavailable
from authserver.lib import emails

blueprint = Blueprint("login", __name__)
MISMATCH = "That email and password don't match."


class LoginForm(FlaskForm):
    """What the page asks for; its names are the contract's."""

    email = EmailField("Email", [InputRequired("Enter your email.")])
    password = PasswordField("Password", [InputRequired("Enter your password.")])


@dataclass(frozen=True, slots=True)
class Purpose:
    """What signing in is for: a page of ours, an app that waits, or a proof that is asked for once more."""

    next: str
    handle: str
    pending: PendingView | None
    again: SignedIn | None  # whose proof is renewed
    switch: bool

    @property
    def expired(self) -> bool:
        return bool(self.handle) and (self.pending is None or self.pending.expired)

    @property
    def target(self) -> str:
        """Where it goes on."""
        if self.handle:
            return url_for("authorization.proceed", request=self.handle)
        return return_path.address(self.next)


@blueprint.get("/login")
def show() -> Any:
    """The form, unless there is nothing to prove."""
    purpose = _purpose()
    if purpose.expired:
        return _page(purpose, LoginForm(), 400)
    if current_user.signed_in() and not purpose.again and not purpose.switch:
        return redirect(purpose.target, 303)
    hint = purpose.pending.login_hint if purpose.pending else kept_forms.waiting_for(purpose.next)
    return _page(purpose, LoginForm(formdata=None, email=hint), 200)


@blueprint.get("/login/confirm")
def confirm() -> Any:
    """Ask who is signed in for their proof once more; whoever is not signs in."""
    purpose = _purpose(again=True)
    if purpose.again is None:
        return redirect(url_for("login.show", next=purpose.next or None), 303)
    return _page(purpose, LoginForm(formdata=None), 200)


@blueprint.post("/login/confirm")
def prove() -> Any:
    """The proof: of the person who is signed in, and of nobody else."""
    purpose = _purpose(again=True)
    if purpose.again is None:
        return redirect(url_for("login.show", next=purpose.next or None), 303)
    return _checked(purpose)


@blueprint.post("/login")
def submit() -> Any:
    """Check the password; the answer is the same for a wrong one and for an unknown name.

    Or take a `step` beside it: to a forgotten password, and back from there, with the address that was typed.
    """
    step, purpose = request.form.get("step", ""), _purpose()
    typed = LoginForm(formdata=None, email=request.form.get("email", "")[:254]) if step else LoginForm()
    if step == "back":
        return _page(purpose, typed, 400 if purpose.expired else 200)
    if step == "forgot":
        return render_template(
            "pages/password_reset/request.html", form=typed, handle=purpose.handle, next=purpose.next
        )
    return _checked(purpose)


def _checked(purpose: Purpose) -> Any:
    form = LoginForm()
    if purpose.again:
        form.email.process_data(purpose.again.user.email)
    if purpose.expired:
        return _page(purpose, form, 400)
    if not form.validate() or not _is_address(form):
        return _page(purpose, form, 422)
    try:
        user = passwords.check(form.email.data or "", form.password.data or "", device=browser.cookie_digest())
    except (RateLimited, Denied, Unavailable) as refused:
        return _refuse(purpose, form, refused)
    if user is None:
        form.form_errors.append(MISMATCH)
        return _page(purpose, form, 422)
    response = make_response(redirect(purpose.target, 303))
    try:
        current_user.begin(response, user, "pwd")
    except Denied as refused:  # disabled, deleted or given another password in this moment
        return _refuse(purpose, form, refused)
    return response


def _signed_in_elsewhere() -> Any:
    """In another tab, after this one had got its form: it goes on with its own request, as a new look at it would."""
    if current_user.signed_in() is None or request.form.get("reauth") or request.form.get("switch"):
        return None
    return redirect(_purpose().target, 303)


csrf.instead["login.submit"] = _signed_in_elsewhere


def _purpose(*, again: bool = False) -> Purpose:
    handle = "" if again else request.values.get("request", "")
    pending = authorization_requests.peek(handle, browser.cookie_digest()) if handle else None
    if pending and pending.in_popup:
        headers.keep_opener()
    switch = not again and request.values.get("switch") == "1"
    again = again or (request.values.get("reauth") == "1" and not switch)
    return Purpose(
        next=request.values.get("next", ""),
        handle=handle,
        pending=pending,
        again=current_user.signed_in() if again else None,
        switch=switch,
    )


def _is_address(form: LoginForm) -> bool:
    try:
        emails.normalise(form.email.data or "")
    except ValueError as error:
        form.email.errors = [str(error)]
        return False
    return True


def _refuse(purpose: Purpose, form: LoginForm, refused: DomainError) -> Response:
    form.form_errors.append(refused.public)
    response = _page(purpose, form, refused.status)
    if isinstance(refused, (RateLimited, Unavailable)):
        response.headers["Retry-After"] = str(refused.retry_after)
    return response


def _page(purpose: Purpose, form: LoginForm, status: int) -> Response:
    errors = form.errors or purpose.expired
    page = render_template(
        "pages/login.html",
        form=form,
        purpose=purpose,
        form_errors=errors,
        has_cookies=browser.sends_cookies(),
        form_waits=bool(kept_forms.waiting_for(purpose.next)),
    )
    return make_response(page, status)
