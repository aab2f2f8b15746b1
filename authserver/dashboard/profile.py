"""/settings/profile: what a person tells of themselves, to people who read pages and to apps that may ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_wtf import FlaskForm
from wtforms import StringField

from authserver.domain.people import names, standard_claims
from authserver.domain.people.users import User
from authserver.edge import current_user
from authserver.edge.claims_forms import AboutForm, ContactForm, blame
from authserver.errors import Invalid

blueprint = Blueprint("profile", __name__)


class ProfileForm(FlaskForm):
    """What a person is called."""

    name = StringField("Name")
    given_name = StringField("Given name")
    family_name = StringField("Family name")


@blueprint.get("/settings/profile")
@current_user.require_user
def show() -> str:
    """Who this account belongs to."""
    return _page()


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
        return _page(names_form=form), 422
    return _saved("Your name is saved.")


@blueprint.post("/settings/profile/about")
@current_user.require_user
def save_about() -> Any:
    """Change what the profile tells beside the name."""
    form = AboutForm()
    try:
        standard_claims.change(current_user.me().user.id, _written(form))
    except Invalid as refused:
        blame(form, refused)
        return _page(about=form), 422
    return _saved("Your profile is saved.")


@blueprint.post("/settings/profile/contact")
@current_user.require_user
def save_contact() -> Any:
    """Change phone number and address."""
    form = ContactForm()
    written = _written(form)
    phone_number = written.pop("phone_number")
    try:
        standard_claims.change(current_user.me().user.id, {"phone_number": phone_number, "address": written})
    except Invalid as refused:
        blame(form, refused)
        return _page(contact=form), 422
    return _saved("Your phone number and address are saved.")


def _written(form: FlaskForm) -> dict[str, str]:
    return {field.name: field.data or "" for field in form if field.name != "csrf_token"}


def _saved(text: str) -> Any:
    flash(text)
    return redirect(url_for("profile.show"), 303)


def _page(
    names_form: ProfileForm | None = None, about: AboutForm | None = None, contact: ContactForm | None = None
) -> str:
    me = current_user.me().user
    told = me.standard_claims
    names_form = names_form or ProfileForm(formdata=None, data=_names(me))
    about = about or AboutForm(formdata=None, data=told)
    contact = contact or ContactForm(formdata=None, data={**told, **told.get("address", {})})
    return render_template(
        "dashboard/profile/show.html",
        form=names_form,
        about=about,
        contact=contact,
        form_errors=names_form.errors or about.errors or contact.errors,
        user=me,
    )


def _names(me: User) -> Mapping[str, str]:
    return {"name": me.chosen_name, "given_name": me.given_name, "family_name": me.family_name}
