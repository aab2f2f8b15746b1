"""/settings/security: the password."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from wtforms import BooleanField, PasswordField
from wtforms.validators import InputRequired

from authserver.domain.insight import audit_sentences
from authserver.domain.people.credentials import passwords
from authserver.domain.people.users import User
from authserver.domain.record import audit
from authserver.domain.tokens import disowning, empowered
from authserver.edge import browser, current_user
from authserver.errors import Invalid, RateLimited, Unavailable

blueprint = Blueprint("security", __name__)


class PasswordForm(FlaskForm):
    """The old password proves who asks."""

    current_password = PasswordField("Current password", [InputRequired("Enter your current password.")])
    new_password = PasswordField("New password", [InputRequired("Choose a new password.")])
    end_others = BooleanField("Sign out my other sessions")


@blueprint.get("/settings/security")
@current_user.require_user
def show() -> str:
    """The state of the password, and the form that changes it."""
    return _page(PasswordForm(formdata=None, end_others=True))


@blueprint.post("/settings/security/password")
@current_user.require_user
def change_password() -> Any:
    """Change the password; this browser's session gets a new id."""
    form, me = PasswordForm(), current_user.me()
    if not form.validate():
        return _page(form), 422
    try:
        changed = passwords.change(
            me.user,
            form.current_password.data or "",
            form.new_password.data or "",
            session_id=me.session.id,
            device=browser.cookie_digest(),
            end_others=bool(form.end_others.data),
        )
    except Invalid as refused:
        form[refused.field].errors = [refused.public]
        return _page(form), 422
    except (RateLimited, Unavailable) as refused:
        form.form_errors.append(refused.public)
        return _page(form), refused.status, {"Retry-After": str(refused.retry_after)}
    made_since = disowning.first_sign_in(me.user.id)
    flash("Your password is changed." + (" Your other sessions are signed out." if form.end_others.data else ""))
    review = bool(disowning.since(me.user, made_since))
    target = url_for("security.review", since=made_since) if review else url_for("security.show")
    response = make_response(redirect(target, 303))
    current_user.begin(response, changed, "pwd")
    return response


@blueprint.get("/settings/security/review")
@current_user.require_user
def review() -> str:
    """What was made, rotated, allowed or downloaded since a sign-in: all of it is ticked to be ended."""
    since = _since()
    return render_template(
        "dashboard/security/review.html", made=disowning.since(current_user.me().user, since), since=since,
        kinds=disowning.KINDS,
    )  # fmt: skip


def _is_about_people() -> bool:
    """Whether accounts or roles of others end: for whoever proved lately that they are the administrator."""
    return any(each.partition(":")[0] in empowered.OF_PEOPLE for each in request.form.getlist("end"))


@blueprint.post("/settings/security/review")
@current_user.require_user
@current_user.require_recent_if(_is_about_people)
def end_made() -> Any:
    """End what is ticked."""
    ended = disowning.end(current_user.me().user, set(request.form.getlist("end")), _since())
    flash(f"{ended} {'thing has' if ended == 1 else 'things have'} ended.")
    return redirect(url_for("security.show"), 303)


def _since() -> int:
    text = request.values.get("since", "")
    good = text.isascii() and text.isdigit() and len(text) < 12
    return int(text) if good else disowning.first_sign_in(current_user.me().user.id)


def _places(history: list[Any], me: User) -> dict[int, str]:
    """Where each event came from, by its number; of what somebody else did, an administrator, that is theirs.

    Whoever guessed at the password is no such somebody.
    """
    told = audit_sentences.for_viewer(history, me)
    guessed = {event.seq: event.ip for event in history if event.type in GUESSES}
    return {each.seq: each.ip for each in told} | guessed


def _page(form: PasswordForm) -> str:
    me = current_user.me()
    events, _ = audit.page(owner_id=me.user.id, limit=40)
    history = [event for event in events if event.type in SENTENCES][:10]
    return render_template(
        "dashboard/security/show.html",
        form=form,
        form_errors=form.errors,
        user=me.user,
        session=me.session,
        history=history,
        places=_places(history, me.user),
        sentences=SENTENCES,
    )


GUESSES = ("user.login_failed", "user.locked", "user.password_reset_requested")
# What a person's own security history says (ux.md 2.9, "user's own view"): sentence and tone.
SENTENCES = {
    "user.login": ("Signed in", "ok"),
    "user.login_failed": ("Failed sign-in", "bad"),
    "user.login_after_failures": ("Signed in in a new browser after failures", "warn"),
    "user.locked": ("Too many failed sign-ins", "bad"),
    "user.logout": ("Signed out", ""),
    "user.password_changed": ("Password changed", "warn"),
    "user.password_reset_requested": ("Password reset requested", "info"),
    "user.password_reset": ("Password reset", "warn"),
    "user.link_created": ("One-time link made for this account", "info"),
    "session.ended": ("Session ended", ""),
}
