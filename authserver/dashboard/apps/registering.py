"""/apps/new and /apps/import: registering an app (ux.md 2.4)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, make_response, render_template, request, url_for
from flask_wtf import FlaskForm
from wtforms import (
    TextAreaField,
)

from authserver.dashboard.apps import form as app_form
from authserver.dashboard.apps.form import AppForm
from authserver.domain.clients import clients
from authserver.domain.clients import directory as client_directory
from authserver.domain.clients import metadata as client_metadata
from authserver.domain.clients.metadata import KINDS, MACHINE, OF_PEOPLE, Registration, authentication
from authserver.domain.clients.metadata.kinds import Kind
from authserver.edge import current_user, kept_forms, one_shot
from authserver.errors import Conflict, Invalid

blueprint = Blueprint("apps_registering", __name__)


class ImportForm(FlaskForm):
    """A metadata document, pasted."""

    metadata = TextAreaField("Metadata document")


def _makes_a_machine() -> bool:
    """Whether the app acts for itself: its secret, or what signs with its keys, is as good as a key without an end.

    Whatever its kind, an app with keys sends JWTs of its own, and acts with its owner's authority by them.
    """
    kind = KINDS.get(_kind())
    has_keys = any(request.form.get(name, "").strip() for name in ("jwks", "jwks_uri"))
    return kind is not None and (has_keys or MACHINE in (*kind.grant_types, *request.form.getlist("grant_types")))


def _form_of_kind() -> str:
    return url_for("apps_registering.new", kind=_kind())


kept_forms.pages["apps_registering.register"] = _form_of_kind


def _kind() -> str:
    # Of a form what it carries: an address beside it is no second answer to what is being made.
    return request.form.get("kind", "") if request.method == "POST" else request.args.get("kind", "")


def _offered() -> list[Kind]:
    """Kinds of app that this server has a grant for, and that this person may register."""
    possible, admin = authentication.grant_types(), current_user.me().user.is_admin
    return [
        kind
        for kind in KINDS.values()
        if set(kind.grant_types) <= set(possible) and (admin or kind.name != "resource_server")
    ]


def _choose() -> str:
    return render_template("dashboard/apps/kinds.html", kinds=_offered(), admin=current_user.me().user.is_admin)


@blueprint.get("/apps/new")
@current_user.require_user
@current_user.require_developer
@current_user.require_recent_if(_makes_a_machine, back=_form_of_kind)
def new() -> Any:
    """First the kind of app, then its form."""
    kind = next((each for each in _offered() if each.name == _kind()), None)
    if kind is None:
        return _choose()
    form = app_form.made(kind.name, before=None)
    form.scopes.data = ["openid", "profile"] if OF_PEOPLE.intersection(kind.grant_types) else []
    if "grant_types" in form:
        form.grant_types.data = list(kind.grant_types)
    return _register_page(form, kind.name)


@blueprint.post("/apps/new")
@current_user.require_user
@current_user.require_developer
@current_user.require_recent_if(_makes_a_machine, back=_form_of_kind)
def register() -> Any:
    """Make the app and show its secret, once."""
    kind = KINDS.get(_kind())
    if kind is None:
        return _choose(), 422
    form = app_form.made(kind.name, before=None)
    if "add_row" in request.form or "preview" in request.form:
        return _register_page(form, kind.name)
    try:
        wanted = Registration(kind=kind.name, **app_form.written(form))
        return _registered(wanted)
    except (Invalid, Conflict) as refused:
        app_form.blame(form, refused)
        return _register_page(form, kind.name), 422


@blueprint.get("/apps/import")
@current_user.require_user
@current_user.require_developer
@current_user.require_recent
def paste() -> Any:
    """A form for a metadata document."""
    return render_template("dashboard/apps/import.html", form=ImportForm())


@blueprint.post("/apps/import")
@current_user.require_user
@current_user.require_developer
@current_user.require_recent
def take_document() -> Any:
    """Register what an RFC 7591 document asks for."""
    form = ImportForm()
    try:
        return _registered(client_metadata.from_json(form.metadata.data or ""))
    except (Invalid, Conflict) as refused:
        problems = getattr(refused, "problems", {})
        form.metadata.errors = [f"{name}: {text}" if name != "metadata" else text for name, text in problems.items()]
        form.metadata.errors = form.metadata.errors or [refused.public]
        return render_template("dashboard/apps/import.html", form=form, form_errors=form.errors), 422


def _registered(wanted: Registration) -> Any:
    me = current_user.me().user
    complete = client_metadata.complete(wanted)
    client_metadata.check(complete, trusted=me.is_admin, owner_id=me.id)
    if not one_shot.spend():
        return render_template("dashboard/apps/already_shown.html", what="app"), 409
    client, secret = clients.register(me, wanted)
    answer = make_response(
        render_template(
            "dashboard/apps/created.html",
            client=client, secret=secret, kind=KINDS[client.kind], namesake=client_directory.namesake_exists(client),
            ignored=client_metadata.ignored_keys(wanted.jwks),
        )
    )  # fmt: skip
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _register_page(form: AppForm, kind_name: str) -> str:
    errors = form.errors or form.form_errors
    return render_template(
        "dashboard/apps/new.html", form=form, form_errors=errors, **app_form.shown(form, kind_name, None)
    )
