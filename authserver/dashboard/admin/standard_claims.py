"""/admin/users/<id>/claims: what apps may be told of a person besides names and email (OpenID Connect Core 5.1)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_wtf import FlaskForm
from wtforms import StringField, TelField, TextAreaField, URLField

from authserver.domain.people import living, standard_claims
from authserver.domain.people.standard_claims import ADDRESS, LABELS
from authserver.edge import current_user
from authserver.errors import Invalid

blueprint = Blueprint("admin_users_claims", __name__)


class ClaimsForm(FlaskForm):
    """The claims that are a text each, then the parts of the address."""

    nickname = StringField(LABELS["nickname"])
    middle_name = StringField(LABELS["middle_name"])
    birthdate = StringField(LABELS["birthdate"])
    gender = StringField(LABELS["gender"])
    locale = StringField(LABELS["locale"])
    zoneinfo = StringField(LABELS["zoneinfo"])
    website = URLField(LABELS["website"])
    profile = URLField(LABELS["profile"])
    picture = URLField(LABELS["picture"])
    phone_number = TelField(LABELS["phone_number"])
    street_address = TextAreaField(ADDRESS["street_address"])
    postal_code = StringField(ADDRESS["postal_code"])
    locality = StringField(ADDRESS["locality"])
    region = StringField(ADDRESS["region"])
    country = StringField(ADDRESS["country"])


@blueprint.get("/admin/users/<user_id>/claims")
@current_user.require_admin
@current_user.require_recent
def edit(user_id: str) -> str:
    """The form, filled in."""
    told = living.get(user_id).standard_claims
    return _page(user_id, ClaimsForm(formdata=None, data={**told, **told.get("address", {})}))


@blueprint.post("/admin/users/<user_id>/claims")
@current_user.require_admin
@current_user.require_recent
def save(user_id: str) -> Any:
    """Change what differs; an empty field takes a claim away."""
    form = ClaimsForm()
    try:
        standard_claims.change(user_id, _written(form))
    except Invalid as refused:
        for name, text in refused.problems.items():
            form[name.removeprefix("address.")].errors = [text]
        return _page(user_id, form), 422
    flash("Saved. Apps are told so from now on, by the scopes that they have.")
    return redirect(url_for("admin_users.show", user_id=user_id), 303)


def _written(form: ClaimsForm) -> dict[str, Any]:
    texts = {field.name: field.data or "" for field in form if field.name in LABELS}
    return {**texts, "address": {part: form[part].data or "" for part in ADDRESS}}


def _page(user_id: str, form: ClaimsForm) -> str:
    user = living.get(user_id)
    return render_template("dashboard/admin/users/claims.html", user=user, form=form, form_errors=form.errors)
