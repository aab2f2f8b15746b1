"""/settings/profile: the names that pages and apps show."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_wtf import FlaskForm
from wtforms import StringField

from authserver.domain.people import names
from authserver.edge import current_user
from authserver.errors import Invalid

blueprint = Blueprint("profile", __name__)


class ProfileForm(FlaskForm):
    """What a person may change themselves."""

    name = StringField("Name")
    given_name = StringField("Given name")
    family_name = StringField("Family name")


@blueprint.get("/settings/profile")
@current_user.require_user
def show() -> str:
    """Who this account belongs to."""
    me = current_user.me().user
    form = ProfileForm(formdata=None, name=me.chosen_name, given_name=me.given_name, family_name=me.family_name)
    return _page(form)


@blueprint.post("/settings/profile")
@current_user.require_user
def save() -> Any:
    """Change the name."""
    form = ProfileForm()
    try:
        names.rename(
            current_user.me().user.id,
            form.name.data or "",
            given_name=form.given_name.data or "",
            family_name=form.family_name.data or "",
        )
    except Invalid as refused:
        form[refused.field].errors = [refused.public]
        return _page(form), 422
    flash("Your name is saved.")
    return redirect(url_for("profile.show"), 303)


def _page(form: ProfileForm) -> str:
    return render_template(
        "dashboard/profile/show.html", form=form, form_errors=form.errors, user=current_user.me().user
    )
