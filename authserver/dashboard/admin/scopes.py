"""/admin/scopes: the scopes with the sentences people read, and the APIs that tokens are for."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import InputRequired

from authserver.domain.access import resources, scopes
from authserver.domain.access.scopes import ScopeFacts
from authserver.edge import current_user
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


class ResourceForm(FlaskForm):
    """One API."""

    identifier = StringField("Identifier", description="The absolute address that tokens carry as their audience.")
    name = StringField("Name", description="What people read.")
    access_token_format = SelectField(
        "Its access tokens",
        choices=[
            SelectChoice("", "As the app says"),
            SelectChoice("jwt", "Always JWT"),
            SelectChoice("opaque", "Always opaque"),
        ],
    )
    access_token_typ = SelectField(
        "Type in the header of its JWTs",
        description="Choose JWT only for an API whose decoder refuses at+jwt. ID tokens say JWT as well: "
        "the API must then check that it is the audience itself.",
        choices=[SelectChoice("", "at+jwt (the standard)"), SelectChoice("JWT", "JWT")],
    )


@blueprint.get("/admin/scopes")
@current_user.require_admin
def index() -> Any:
    """All scopes and resources."""
    return render_template(
        "dashboard/admin/scopes/index.html",
        scopes=scopes.all().values(), usage=scopes.usage(), resources=resources.all(),
    )  # fmt: skip


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
    return render_template("dashboard/admin/scopes/delete.html", scope=facts, used=scopes.usage().get(facts.name, 0))


@blueprint.post("/admin/scopes/<path:name>/delete")
@current_user.require_admin
@current_user.require_recent
def delete(name: str) -> Any:
    """Delete a scope that nothing uses."""
    scopes.remove(_scope(name).name)
    flash(f"{name} is deleted.", "success")
    return _to_index()


@blueprint.get("/admin/resources/new")
@current_user.require_admin
@current_user.require_recent
def new_resource() -> Any:
    """An empty form."""
    return _resource_page(ResourceForm(), None)


@blueprint.post("/admin/resources/new")
@current_user.require_admin
@current_user.require_recent
def create_resource() -> Any:
    """Register an API."""
    form = ResourceForm()
    identifier = (form.identifier.data or "").strip()
    try:
        _require_valid(form)
        resources.create(identifier, form.name.data or "", **_token_form(form))
    except (Invalid, Conflict) as refused:
        _blame(form, refused)
        return _resource_page(form, None), refused.status
    flash(f"{form.name.data} is registered. Apps can be allowed to call it now.", "success")
    return _to_index()


@blueprint.get("/admin/resources/edit")
@current_user.require_admin
@current_user.require_recent
def edit_resource() -> Any:
    """The form of one API; its identifier, a whole address, stands in the query."""
    facts = resources.get(request.args.get("identifier", ""))
    form = ResourceForm(obj=facts)
    form.access_token_format.data = facts.access_token_format or ""
    form.access_token_typ.data = facts.access_token_typ or ""
    return _resource_page(form, facts)


@blueprint.post("/admin/resources/edit")
@current_user.require_admin
@current_user.require_recent
def save_resource() -> Any:
    """Change an API's name or the form of its tokens."""
    facts = resources.get(request.form.get("identifier", ""))
    form = ResourceForm()
    try:
        _require_valid(form)
        resources.update(facts.identifier, form.name.data or "", **_token_form(form))
    except (Invalid, Conflict) as refused:
        _blame(form, refused)
        return _resource_page(form, facts), refused.status
    flash(f"{form.name.data} is changed.", "success")
    return _to_index()


@blueprint.get("/admin/resources/delete")
@current_user.require_admin
@current_user.require_recent
def ask_delete_resource() -> Any:
    """What would be lost?"""
    facts = resources.get(request.args.get("identifier", ""))
    return render_template("dashboard/admin/scopes/delete_resource.html", resource=facts)


@blueprint.post("/admin/resources/delete")
@current_user.require_admin
@current_user.require_recent
def delete_resource() -> Any:
    """Delete an API that no app uses."""
    facts = resources.get(request.form.get("identifier", ""))
    resources.remove(facts.identifier)
    flash(f"{facts.name} is deleted.", "success")
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


def _token_form(form: ResourceForm) -> dict[str, str | None]:
    return {each: form[each].data or None for each in ("access_token_format", "access_token_typ")}


def _require_valid(form: FlaskForm) -> None:
    if not form.validate():
        raise Invalid("Check the highlighted fields.")


def _refused(form: ScopeForm, refused: Invalid | Conflict, facts: ScopeFacts | None = None) -> str:
    _blame(form, refused)
    return _scope_page(form, facts)


def _blame(form: FlaskForm, refused: Invalid | Conflict) -> None:
    problems = getattr(refused, "problems", None) or ({refused.field: refused.public} if refused.field else {})
    for name, text in problems.items():
        if name in form:
            form[name].errors = [text]
        else:
            form.form_errors.append(text)
    if not form.errors:
        form.form_errors.append(refused.public)


def _scope_page(form: ScopeForm, facts: ScopeFacts | None) -> str:
    return render_template("dashboard/admin/scopes/scope.html", form=form, form_errors=form.errors, scope=facts)


def _resource_page(form: ResourceForm, facts: resources.ResourceFacts | None) -> str:
    return render_template("dashboard/admin/scopes/resource.html", form=form, form_errors=form.errors, resource=facts)


def _to_index() -> Any:
    return redirect(url_for("admin_scopes.index"), 303)
