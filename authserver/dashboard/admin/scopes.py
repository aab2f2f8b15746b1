"""/admin/scopes: the scopes with the sentences people read."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired

from authserver.domain.access import resources, scopes
from authserver.domain.access.scopes import ScopeFacts
from authserver.edge import current_user, form_problems
from authserver.edge.choices import SelectChoice
from authserver.errors import Conflict, Invalid, NotFound

blueprint = Blueprint("admin_scopes", __name__)


class ScopeForm(FlaskForm):
    """One scope."""

    name = StringField("Name", description="What programs write, such as reports:read. It cannot be changed later.")
    title = StringField("Sentence", description="What people read when an app asks for it.")
    cannot = StringField("What it does not allow", description="One more line that reassures. It may stay empty.")
    level = SelectField(
        "Level",
        choices=[SelectChoice(name, name.capitalize()) for name in scopes.LEVELS],
        default="read",
    )
    resource = SelectField("API it belongs to")
    self_service = BooleanField("Owners may give it to their apps", default=True)
    admin_only = BooleanField("Only administrators can hold it")
    optional = BooleanField("People may leave it out")
    position = IntegerField("Position in lists", [InputRequired("Enter a number.")], default=100)


@blueprint.get("/admin/scopes")
@current_user.require_admin
def index() -> Any:
    """All scopes."""
    return render_template("dashboard/admin/scopes/index.html", scopes=scopes.all().values(), usage=scopes.usage())


@blueprint.get("/admin/scopes/new")
@current_user.require_admin
@current_user.require_recent
def new() -> Any:
    """An empty form."""
    return _scope_page(_scope_form(), None)


@blueprint.post("/admin/scopes/new")
@current_user.require_admin
@current_user.require_recent
def create() -> Any:
    """Add a scope."""
    form = _scope_form()
    try:
        facts = scopes.create(_scope_facts(form, form.name.data or ""))
    except (Invalid, Conflict) as refused:
        return _refused(form, refused), refused.status
    flash(f"{facts.name} is there. Apps can be given it now.", "success")
    return _to_index()


@blueprint.get("/admin/scopes/<path:name>/edit")
@current_user.require_admin
@current_user.require_recent
def edit(name: str) -> Any:
    """The form of one scope."""
    facts = _scope(name)
    form = _scope_form(obj=facts)
    form.resource.data = facts.resource or ""
    return _scope_page(form, facts)


@blueprint.post("/admin/scopes/<path:name>/edit")
@current_user.require_admin
@current_user.require_recent
def save(name: str) -> Any:
    """Change a scope."""
    facts = _scope(name)
    form = _scope_form()
    try:
        scopes.update(_scope_facts(form, facts.name))
    except (Invalid, Conflict) as refused:
        return _refused(form, refused, facts), refused.status
    flash(f"{facts.name} is changed. Consent pages show the new words from now on.", "success")
    return _to_index()


@blueprint.get("/admin/scopes/<path:name>/delete")
@current_user.require_admin
@current_user.require_recent
def ask_delete(name: str) -> Any:
    """What would be lost?"""
    facts = _scope(name)
    return render_template("dashboard/admin/scopes/delete.html", scope=facts, used=scopes.users_of(facts.name))


@blueprint.post("/admin/scopes/<path:name>/delete")
@current_user.require_admin
@current_user.require_recent
def delete(name: str) -> Any:
    """Delete a scope that nothing uses."""
    scopes.remove(_scope(name).name)
    flash(f"{name} is deleted.", "success")
    return _to_index()


def _scope(name: str) -> ScopeFacts:
    facts = scopes.all().get(name)
    if facts is None:
        raise NotFound("There is no such scope.")
    return facts


def _scope_form(obj: ScopeFacts | None = None) -> ScopeForm:
    form = ScopeForm(obj=obj)
    form.resource.choices = [("", "None in particular")] + [
        (each.identifier, each.name) for each in resources.all().values()
    ]
    return form


def _scope_facts(form: ScopeForm, name: str) -> ScopeFacts:
    _require_valid(form)
    return ScopeFacts(
        name=name,
        title=form.title.data or "",
        cannot=form.cannot.data or "",
        level=form.level.data,
        resource=form.resource.data or None,
        self_service=form.self_service.data,
        admin_only=form.admin_only.data,
        optional=form.optional.data,
        position=form.position.data or 0,
    )


def _require_valid(form: FlaskForm) -> None:
    if not form.validate():
        raise Invalid("Check the highlighted fields.")


def _refused(form: ScopeForm, refused: Invalid | Conflict, facts: ScopeFacts | None = None) -> str:
    form_problems.blame(form, refused)
    return _scope_page(form, facts)


def _scope_page(form: ScopeForm, facts: ScopeFacts | None) -> str:
    return render_template("dashboard/admin/scopes/scope.html", form=form, form_errors=form.errors, scope=facts)


def _to_index() -> Any:
    return redirect(url_for("admin_scopes.index"), 303)
