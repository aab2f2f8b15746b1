"""/admin/users/<id>/delete and /restore: what ends with a person, who gets their apps, and the way back."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from wtforms import EmailField, RadioField

from authserver.domain.people import departures, users
from authserver.domain.people.users import User
from authserver.edge import current_user
from authserver.edge.choices import SelectChoice
from authserver.errors import Conflict

blueprint = Blueprint("admin_users_departures", __name__)
ABOUT_HEIRS = ("apps", "owner")
CHOICES = [
    SelectChoice(departures.END, "End them"),
    SelectChoice(departures.TRANSFER, "Give them to somebody else"),
]


class DeleteForm(FlaskForm):
    """What becomes of the apps and APIs of whoever is deleted."""

    apps = RadioField("Their apps and APIs", choices=CHOICES, validate_choice=False)
    heir = EmailField("Whose they become")


@blueprint.get("/admin/users/<user_id>/delete")
@current_user.require_admin
@current_user.require_recent
def ask_delete(user_id: str) -> str:
    """Count what ends, and ask who gets the apps."""
    return _page(_other(user_id), DeleteForm(formdata=None, apps=departures.END))


@blueprint.post("/admin/users/<user_id>/delete")
@current_user.require_admin
@current_user.require_recent
def delete(user_id: str) -> Any:
    """End everything of the person."""
    user, form = _other(user_id), DeleteForm()
    if not form.validate() or not _chosen(form, user):
        return _page(user, form), 422
    if request.form.get("confirm_name", "").strip().lower() != user.email.lower():
        return _page(user, form, error="Type the email exactly as it is written above."), 422
    try:
        departures.delete(user_id, heir_id=_heir(form), by_id=current_user.me().user.id)
    except Conflict as refused:
        if refused.field not in ABOUT_HEIRS:
            raise
        form.heir.errors = [refused.public]
        return _page(user, form), 422
    flash(f"{user.email} is deleted. For seven days the account can be restored; then its data is erased.")
    return redirect(url_for("admin_users.show", user_id=user_id), 303)


@blueprint.post("/admin/users/<user_id>/restore")
@current_user.require_admin
@current_user.require_recent
def restore(user_id: str) -> Any:
    """Let the person in again."""
    user = departures.restore(user_id)
    flash(f"The account is restored. {departures.RESTORED[users.state(user)]}")
    return redirect(url_for("admin_users.show", user_id=user_id), 303)


def _other(user_id: str) -> User:
    users.require_other(current_user.me().user.id, user_id, "delete your own account")
    user = users.get(user_id)
    if user.deleted_at is not None:
        raise Conflict("This person is deleted already.")
    return user


def _chosen(form: DeleteForm, user: User) -> bool:
    """Whether it was said what becomes of the apps; asked again where it was not, or in two ways: nothing is guessed.

    Who owned nothing when the page was made was asked nothing.
    """
    owned = departures.standing(user.id)
    if form.apps.data is None and not (owned.apps or owned.apis):
        return True
    if form.apps.data not in (departures.END, departures.TRANSFER):
        form.apps.errors = ["Choose what becomes of them: end them, or give them to somebody else."]
    elif form.apps.data == departures.END and form.heir.data:
        form.heir.errors = ["You chose to end them. Choose to give them away, or leave this empty."]
    return not form.errors


def _heir(form: DeleteForm) -> str | None:
    if form.apps.data != departures.TRANSFER:
        return None
    found = users.find_by_email(form.heir.data or "")
    if found is None:
        raise Conflict("Enter the email of somebody who has an account here.", field="apps")
    return found.id


def _page(user: User, form: DeleteForm, error: str = "") -> str:
    return render_template(
        "dashboard/admin/users/delete.html", user=user, standing=departures.standing(user.id), form=form,
        form_errors=form.errors or error, error=error,
    )  # fmt: skip
