"""/apps/<id>/edit and /apps/<id>/scopes: changing an app (ux.md 2.5)."""

from __future__ import annotations

import dataclasses
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from authserver.dashboard.apps import form as app_form
from authserver.dashboard.apps.form import AppForm
from authserver.domain.clients import clients, ownership
from authserver.domain.clients import metadata as client_metadata
from authserver.domain.clients.metadata import Registration
from authserver.domain.insight import refusals, remedies
from authserver.domain.insight.refusals import Viewer
from authserver.edge import current_user
from authserver.errors import Conflict, Invalid

blueprint = Blueprint("apps_editing", __name__)


@blueprint.get("/apps/<client_id>/edit")
@current_user.require_user
@current_user.require_recent
def edit(client_id: str) -> Any:
    """The form, filled in."""
    client = _mine(client_id)
    form = app_form.details(client)
    app_form.fill(form, client)
    return _edit_page(form, client, fixing=_fill_in_fix(form, client))


@blueprint.post("/apps/<client_id>/edit")
@current_user.require_user
@current_user.require_recent
def save(client_id: str) -> Any:
    """Store what changed."""
    client = _mine(client_id)
    form = app_form.details(client)
    if "add_row" in request.form:
        return _edit_page(form, client)
    return _saved(form, client, "dashboard/apps/edit.html", url_for("apps.show", client_id=client.id))


@blueprint.get("/apps/<client_id>/scopes")
@current_user.require_user
@current_user.require_recent
def show_scopes(client_id: str) -> Any:
    """What it may ask for, and what people will then see."""
    client = _mine(client_id)
    form = app_form.of_scopes(client)
    app_form.fill(form, client)
    fixing = _fill_in_fix(form, client)
    return render_template(
        "dashboard/apps/scopes.html",
        form=form,
        client=client,
        fixing=fixing,
        **app_form.shown(form, client.kind, client),
    )


@blueprint.post("/apps/<client_id>/scopes")
@current_user.require_user
@current_user.require_recent
def save_scopes(client_id: str) -> Any:
    """Store the scopes."""
    client = _mine(client_id)
    form = app_form.of_scopes(client)
    if "preview" in request.form:
        return render_template(
            "dashboard/apps/scopes.html", form=form, client=client, **app_form.shown(form, client.kind, client)
        )
    return _saved(form, client, "dashboard/apps/scopes.html", url_for("apps_editing.show_scopes", client_id=client.id))


def _fill_in_fix(form: AppForm, client: Any) -> str:
    """Put what mends a refused request of this app into its form; the label of what was put there, empty for none."""
    asked, me = request.args.get("fix", "").replace("\0", ""), current_user.me().user
    if not asked:
        return ""
    refusal = refusals.get(Viewer(user=me), asked)
    found = remedies.fixes(refusal, client, me) if refusal.client_id == client.id else []
    filled = [fix for fix in found if app_form.fill_in(form, fix.kind, fix.values)]
    return ", ".join(fix.label for fix in filled)


def _mine(client_id: str) -> Any:
    return ownership.visible_to(current_user.me().user, client_id)


def _saved(form: AppForm, client: Any, template: str, target: str) -> Any:
    me = current_user.me().user
    version = form.version.data or ""
    try:
        wanted = dataclasses.replace(clients.registration_of(client), **app_form.written(form))
        if "scopes" in form:
            wanted = _without_what_left(wanted, people="default_scopes" in form)
        clients.revise(me, client.id, wanted, version=int(version) if version.isascii() and version.isdigit() else 0)
    except (Invalid, Conflict) as refused:
        app_form.blame(form, refused)
        page = render_template(
            template, form=form, client=client, form_errors=form.errors or form.form_errors,
            **app_form.shown(form, client.kind, client),
        )  # fmt: skip
        return page, 409 if isinstance(refused, Conflict) else 422
    flash(" ".join(["Saved. It counts from now on.", *client_metadata.ignored_keys(wanted.jwks)]), "success")
    return redirect(target, 303)


def _without_what_left(wanted: Registration, *, people: bool) -> Registration:
    """Of scopes that it has no more, nothing is left out, demanded or given unasked."""
    default, optional, required = (
        tuple(name for name in names or () if name in wanted.scopes)
        for names in (wanted.default_scopes, wanted.optional_scopes, wanted.required_scopes)
    )
    return dataclasses.replace(
        wanted, default_scopes=(people and default) or None, optional_scopes=optional, required_scopes=required
    )


def _edit_page(form: AppForm, client: Any, *, fixing: str = "") -> str:
    return render_template(
        "dashboard/apps/edit.html", form=form, client=client, fixing=fixing, **app_form.shown(form, client.kind, client)
    )
