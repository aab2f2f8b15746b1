"""/admin/resources: the APIs that tokens are for, and which of them are open to apps that register themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField, SelectField, StringField
from wtforms.validators import Optional

from authserver.domain.access import protected_resources, resource_scopes, resources
from authserver.edge import current_user, form_problems, kept_forms
from authserver.edge.choices import SelectChoice
from authserver.errors import Conflict, Invalid
from authserver.lib import acr
from authserver.lib import scopes as grammar

blueprint = Blueprint("admin_resources", __name__)


class ResourceForm(FlaskForm):
    """One API."""

    identifier = StringField("Identifier", description="The absolute address that tokens carry as their audience.")
    name = StringField("Name", description="What people read.")
    scope = StringField(
        "Scopes", description="Its own, such as notes:read notes:write. New ones are made; word them under Scopes."
    )
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
    access_token_alg = SelectField(
        "What signs its JWTs",
        description="Choose RS256 only for an API that verifies nothing else: each takes ten times the work.",
        choices=[SelectChoice("", "ES256"), SelectChoice("RS256", "RS256")],
    )
    access_token_ttl = IntegerField(
        "Seconds that its tokens live", [Optional()], description="60 to 86400. Empty: as long as the app says."
    )
    max_age = IntegerField(
        "Seconds since a person signed in",
        [Optional()],
        description="60 to 2592000. A token of an older sign-in leads its app to a fresh one (RFC 9470), "
        "and API keys, which stand for none, are refused. Empty: of any age.",
    )
    acr_values = SelectField("How surely they signed in")
    open = BooleanField(
        "Open to apps that register themselves",
        description="MCP clients and other apps that nobody here registered may ask people for tokens for it.",
    )
    open_rate_limit = StringField(
        "How often such apps may call it",
        description="Such as 100/hour, for all of one person's together. Empty: as often as one app may.",
    )


_CLASSES = {"aal1": "By one factor or more", "aal2": "By two factors or a passkey", "phr": "By a passkey"}


@blueprint.get("/admin/resources")
@current_user.require_admin
def index() -> Any:
    """All APIs."""
    found = [(each, resource_scopes.of(each.identifier)) for each in resources.all().values()]
    return render_template("dashboard/admin/resources/index.html", resources=found)


@blueprint.get("/admin/resources/new")
@current_user.require_admin
@current_user.require_recent
def new() -> Any:
    """An empty form."""
    return _page(ResourceForm(), None)


@blueprint.post("/admin/resources/new")
@current_user.require_admin
@current_user.require_recent
def create() -> Any:
    """Register an API."""
    form = ResourceForm()
    identifier = (form.identifier.data or "").strip()
    try:
        resources.create(identifier, form.name.data or "", **_asked(form))
    except (Invalid, Conflict) as refused:
        form_problems.blame(form, refused)
        return _page(form, None), refused.status
    flash(f"{form.name.data} is registered. Apps can be allowed to call it now.", "success")
    return _to_index()


def _of_one(endpoint: str) -> Callable[[], str]:
    return lambda: url_for(endpoint, identifier=request.form.get("identifier", ""))


kept_forms.pages["admin_resources.save"] = _of_one("admin_resources.edit")
kept_forms.pages["admin_resources.delete"] = _of_one("admin_resources.ask_delete")


@blueprint.get("/admin/resources/edit")
@current_user.require_admin
@current_user.require_recent
def edit() -> Any:
    """The form of one API; its identifier, a whole address, stands in the query."""
    facts = resources.get(request.args.get("identifier", ""))
    form = ResourceForm(obj=facts)
    form.access_token_format.data = facts.access_token_format or ""
    form.access_token_typ.data = facts.access_token_typ or ""
    form.access_token_alg.data = "RS256" if facts.access_token_alg == "RS256" else ""
    form.scope.data = grammar.join(resource_scopes.of(facts.identifier))
    return _page(form, facts)


@blueprint.post("/admin/resources/edit")
@current_user.require_admin
@current_user.require_recent
def save() -> Any:
    """Change an API."""
    facts = resources.get(request.form.get("identifier", ""))
    form = ResourceForm()
    try:
        resources.update(facts.identifier, form.name.data or "", **_asked(form))
    except (Invalid, Conflict) as refused:
        form_problems.blame(form, refused)
        return _page(form, facts), refused.status
    flash(f"{form.name.data} is changed.", "success")
    return _to_index()


@blueprint.get("/admin/resources/delete")
@current_user.require_admin
@current_user.require_recent
def ask_delete() -> Any:
    """What would be lost?"""
    facts = resources.get(request.args.get("identifier", ""))
    return render_template("dashboard/admin/resources/delete.html", resource=facts)


@blueprint.post("/admin/resources/delete")
@current_user.require_admin
@current_user.require_recent
def delete() -> Any:
    """Delete an API that no app uses."""
    facts = resources.get(request.form.get("identifier", ""))
    resources.remove(facts.identifier)
    flash(f"{facts.name} is deleted.", "success")
    return _to_index()


def _asked(form: ResourceForm) -> dict[str, Any]:
    form.acr_values.choices = _classes(form.acr_values.data)
    if not form.validate():
        raise Invalid("Check the highlighted fields.")
    try:
        scopes = grammar.parse(" ".join((form.scope.data or "").split()))
    except ValueError as error:
        raise Invalid("Check the highlighted fields.", problems={"scope": f"{error}.".capitalize()}) from None
    return {
        "access_token_format": form.access_token_format.data or None,
        "access_token_typ": form.access_token_typ.data or None,
        "access_token_alg": form.access_token_alg.data or None,
        "access_token_ttl": form.access_token_ttl.data,
        "max_age": form.max_age.data,
        "acr_values": form.acr_values.data,
        "open": form.open.data,
        "open_rate_limit": (form.open_rate_limit.data or "").strip() or None,
        "scopes": scopes,
    }


def _classes(chosen: str | None) -> list[Any]:
    """What a sign-in here can reach, and what is asked for already."""
    offered = dict.fromkeys((*acr.REACHABLE, *([chosen] if chosen else [])))
    return [SelectChoice("", "However they did"), *(SelectChoice(each, _CLASSES.get(each, each)) for each in offered)]


def _page(form: ResourceForm, facts: resources.ResourceFacts | None) -> str:
    form.acr_values.choices = _classes(facts.acr_values if facts else "")
    challenge = protected_resources.challenge(facts.identifier) if facts else ""
    return render_template(
        "dashboard/admin/resources/resource.html", form=form, form_errors=form.errors, resource=facts,
        challenge=challenge,
    )  # fmt: skip


def _to_index() -> Any:
    return redirect(url_for("admin_resources.index"), 303)
