"""/admin/registration-tokens: tokens with which apps register themselves (RFC 7591 section 3)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_wtf import FlaskForm
from wtforms import IntegerField, SelectField
from wtforms.validators import InputRequired

from authserver import config
from authserver.domain.clients import registration_tokens
from authserver.edge import current_user, form_problems, one_shot
from authserver.edge.choices import SelectChoice
from authserver.errors import Invalid

blueprint = Blueprint("admin_registration_tokens", __name__, url_prefix="/admin/registration-tokens")
DAY = 86_400


class TokenForm(FlaskForm):
    """One token."""

    uses = IntegerField(
        "Registrations", [InputRequired("Enter a number.")], default=1, description="How many apps it lets in."
    )
    expires_in = SelectField(
        "Ends after",
        choices=[SelectChoice(str(days * DAY), "1 day" if days == 1 else f"{days} days") for days in (1, 7, 30, 90)],
        default=str(7 * DAY),
    )


@blueprint.get("")
@current_user.require_admin
def index() -> Any:
    """All of them, and whether registration is on."""
    rows = [(row, registration_tokens.status(row)) for row in registration_tokens.all()]
    return render_template(
        "dashboard/admin/registration_tokens/index.html", tokens=rows, registration=config.current().registration
    )


@blueprint.get("/new")
@current_user.require_admin
@current_user.require_recent
def new() -> Any:
    """An empty form."""
    return _page(TokenForm())


@blueprint.post("/new")
@current_user.require_admin
@current_user.require_recent
def create() -> Any:
    """Make a token and show it, once, in this answer."""
    form = TokenForm()
    if not form.validate():
        return _page(form), 422
    if not one_shot.spend():
        flash("The form was sent twice: one token was made, and shown once. End it if you did not save it.", "warn")
        return redirect(url_for("admin_registration_tokens.index"), 303)
    try:
        row, value = registration_tokens.create(uses=form.uses.data or 0, expires_in=int(form.expires_in.data or 0))
    except Invalid as refused:
        form_problems.blame(form, refused)
        return _page(form), 422
    return render_template("dashboard/admin/registration_tokens/created.html", token=row, value=value)


@blueprint.post("/<token_id>/revoke")
@current_user.require_admin
@current_user.require_recent
def revoke(token_id: str) -> Any:
    """End a token at once."""
    registration_tokens.revoke(token_id)
    flash("The token has ended. Apps that were registered with it stay.", "success")
    return redirect(url_for("admin_registration_tokens.index"), 303)


def _page(form: TokenForm) -> str:
    return render_template("dashboard/admin/registration_tokens/new.html", form=form, form_errors=form.errors)
