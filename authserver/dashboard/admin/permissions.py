"""/admin/permissions: what keys of each access level may do."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_wtf import FlaskForm
from wtforms import SelectMultipleField

from authserver.domain.access import permissions
from authserver.edge import current_user
from authserver.edge.choices import SelectChoice
from authserver.errors import Invalid, NotFound

blueprint = Blueprint("admin_permissions", __name__, url_prefix="/admin/permissions")


class LevelForm(FlaskForm):
    """The bundle of one level."""

    scopes = SelectMultipleField("What its keys may do", validate_choice=False)


@blueprint.get("")
@current_user.require_admin
def index() -> str:
    """The levels and their scopes."""
    titles = {each.name: each.title for each in permissions.choosable()}
    return render_template("dashboard/admin/permissions/index.html", levels=permissions.all(), titles=titles)


@blueprint.get("/<name>")
@current_user.require_admin
@current_user.require_recent
def edit(name: str) -> str:
    """The form of one level."""
    level = _get(name)
    return _page(level, LevelForm(formdata=None, scopes=list(level.scopes)))


@blueprint.post("/<name>")
@current_user.require_admin
@current_user.require_recent
def save(name: str) -> Any:
    """Change a bundle; keys follow at their next use."""
    level, form = _get(name), LevelForm()
    try:
        permissions.change(name, form.scopes.data or [])
    except Invalid as refused:
        form.scopes.errors = [refused.public]
        return _page(level, form), 422
    flash(f"{level.title} is changed. Keys of this level follow within a second.", "ok")
    return redirect(url_for("admin_permissions.index"), 303)


def _get(name: str) -> permissions.Level:
    for level in permissions.all():
        if level.name == name:
            return level
    raise NotFound("There is no such level.")


def _page(level: permissions.Level, form: LevelForm) -> str:
    offered = permissions.choosable()
    form.scopes.choices = [SelectChoice(each.name, each.title) for each in offered]
    return render_template(
        "dashboard/admin/permissions/edit.html",
        level=level,
        form=form,
        form_errors=form.errors,
        details={each.name: {"hint": each.name, "level": each.level} for each in offered},
    )
