"""/admin/gateway-routes: which scopes a method and a path need, for proxies that name a table."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField

from authserver.domain.access import gateway_routes, scopes
from authserver.domain.access.gateway_routes import Table
from authserver.edge import current_user
from authserver.errors import Conflict, Invalid

blueprint = Blueprint("admin_gateway_routes", __name__, url_prefix="/admin/gateway-routes")


class TableForm(FlaskForm):
    """One table."""

    name = StringField(
        "Name",
        description="What the proxy's configuration calls it: small letters, digits and hyphens. It cannot be changed.",
    )
    rules = TextAreaField(
        "Rules",
        description="One a line: methods, path, scopes. The first that matches counts; what no rule knows is refused.",
    )


@blueprint.get("")
@current_user.require_admin
def index() -> str:
    """All tables, and how a proxy names one."""
    tables = list(gateway_routes.all().values())
    return render_template("dashboard/admin/gateway_routes/index.html", tables=tables, example=_example(tables))


@blueprint.get("/new")
@current_user.require_admin
@current_user.require_recent
def new() -> str:
    """An empty form."""
    return _page(TableForm(), None)


@blueprint.post("/new")
@current_user.require_admin
@current_user.require_recent
def create() -> Any:
    """Add a table."""
    form = TableForm()
    name = (form.name.data or "").strip()
    try:
        gateway_routes.create(name, gateway_routes.parse(form.rules.data or ""))
    except (Invalid, Conflict) as refused:
        _blame(form, refused)
        return _page(form, None), refused.status
    flash(f"{name} is there. Proxies can name it now.", "ok")
    return _to_index()


@blueprint.get("/<name>/edit")
@current_user.require_admin
@current_user.require_recent
def edit(name: str) -> str:
    """The form of one table."""
    table = gateway_routes.get(name)
    return _page(TableForm(formdata=None, name=name, rules=gateway_routes.written(table)), table)


@blueprint.post("/<name>/edit")
@current_user.require_admin
@current_user.require_recent
def save(name: str) -> Any:
    """Change the rules; decisions follow within a second."""
    table, form = gateway_routes.get(name), TableForm()
    try:
        gateway_routes.save(name, gateway_routes.parse(form.rules.data or ""))
    except Invalid as refused:
        _blame(form, refused)
        return _page(form, table), 422
    flash(f"{name} is changed. Decisions follow within a second.", "ok")
    return _to_index()


@blueprint.get("/<name>/delete")
@current_user.require_admin
def ask_delete(name: str) -> str:
    """What would stop?"""
    return render_template("dashboard/admin/gateway_routes/delete.html", table=gateway_routes.get(name))


@blueprint.post("/<name>/delete")
@current_user.require_admin
@current_user.require_recent
def delete(name: str) -> Any:
    """Delete a table."""
    gateway_routes.remove(name)
    flash(f"{name} is deleted. Proxies that still name it refuse everybody.", "ok")
    return _to_index()


def _blame(form: TableForm, refused: Invalid | Conflict) -> None:
    field = form.name if refused.field == "name" else form.rules
    field.errors = [refused.public]


def _example(tables: list[Table]) -> str:
    return tables[0].name if tables else "orders"


def _page(form: TableForm, table: Table | None) -> str:
    return render_template(
        "dashboard/admin/gateway_routes/table.html",
        form=form,
        form_errors=form.errors,
        table=table,
        scopes=scopes.all().values(),
    )


def _to_index() -> Any:
    return redirect(url_for("admin_gateway_routes.index"), 303)
