"""/admin/users/<id>/claims: what apps may be told of a person besides names and email (OpenID Connect Core 5.1)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for

from authserver.domain.people import living, standard_claims
from authserver.domain.people.standard_claims import ADDRESS, LABELS
from authserver.edge import current_user
from authserver.edge.claims_forms import ClaimsForm, blame
from authserver.errors import Invalid

blueprint = Blueprint("admin_users_claims", __name__)


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
        blame(form, refused)
        return _page(user_id, form), 422
    flash("Saved. Apps are told so from now on, by the scopes that they have.")
    return redirect(url_for("admin_users.show", user_id=user_id), 303)


def _written(form: ClaimsForm) -> dict[str, Any]:
    texts = {field.name: field.data or "" for field in form if field.name in LABELS}
    return {**texts, "address": {part: form[part].data or "" for part in ADDRESS}}


def _page(user_id: str, form: ClaimsForm) -> str:
    user = living.get(user_id)
    return render_template("dashboard/admin/users/claims.html", user=user, form=form, form_errors=form.errors)
