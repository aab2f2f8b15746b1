"""/apps: the OAuth clients of a person: list, register, look at, edit (ux.md 2.4, 2.5)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    FieldList,
    HiddenField,
    IntegerField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import Optional

from authserver.domain.access import resources, scopes
from authserver.domain.authorization import code_protection
from authserver.domain.clients import clients
from authserver.domain.clients import directory as client_directory
from authserver.domain.clients import metadata as client_metadata
from authserver.domain.clients import secrets as client_secrets
from authserver.domain.clients.metadata import CODE, KINDS, MACHINE, Registration
from authserver.domain.ground import usage
from authserver.domain.record import audit
from authserver.edge import current_user, one_shot
from authserver.errors import Conflict, Invalid
from authserver.lib import clock, redirect_uris

blueprint = Blueprint("apps", __name__)
LIMIT = 20
DAY = 86_400
ON_SCOPES_PAGE = ("scopes", "optional_scopes", "resources")
ROWS = ("redirect_uris", "allowed_cors_origins", "contacts")
# Fields that only administrators get to see; a form of anybody else cannot set them (contract 11.3).
FOR_ADMINISTRATORS = ("rate_limit", "skip_consent", "introspect_all", "resource_server_for")
GRANTS = [
    SelectChoice("authorization_code", "Sign people in"),
    SelectChoice("refresh_token", "Stay signed in"),
    SelectChoice("client_credentials", "Act for itself"),
]
METHODS = [
    SelectChoice("", "Secret in the header or in the body"),
    SelectChoice("client_secret_basic", "Secret in the header only (client_secret_basic)"),
    SelectChoice("client_secret_post", "Secret in the body only (client_secret_post)"),
]
TOKENS = [SelectChoice("jwt", "JWT, checked anywhere"), SelectChoice("opaque", "Opaque, checked by asking us")]
ALGS = [SelectChoice("RS256"), SelectChoice("ES256")]
PKCE = {"": None, "always": True, "neither": False}
PKCE_CHOICES = [
    SelectChoice("", "What its software sends by itself"),
    SelectChoice("always", "Always PKCE"),
    SelectChoice("neither", "My software can send neither"),
]
LEFT_OUT = {"token_endpoint_auth_method": "", "access_token_format": "jwt", "id_token_alg": "RS256"}
STATUSES = (("", "All"), ("active", "Active"), ("disabled", "Disabled"), ("deleted", "Deleted"))


class AppForm(FlaskForm):
    """Everything of an app that its owner, or an administrator, may write. What a kind does not have is taken away."""

    version = HiddenField()
    name = StringField("Name")
    homepage = StringField("Homepage")
    description = TextAreaField("Description")
    redirect_uris = FieldList(StringField(), "Redirect URI", max_entries=60)
    scopes = SelectMultipleField("What it may ask for")
    optional_scopes = SelectMultipleField("What people may leave out")
    resources = SelectMultipleField("APIs it may call")
    grant_types = SelectMultipleField("Grants", choices=GRANTS)
    token_endpoint_auth_method = SelectField("Authentication", choices=METHODS)
    access_token_format = SelectField("Access tokens", choices=TOKENS)
    access_token_ttl = IntegerField("Their life in seconds", [Optional()])
    id_token_alg = SelectField("ID tokens signed with", choices=ALGS)
    jwks = TextAreaField("Public keys")
    jwks_uri = StringField("Address of the public keys")
    jwt_reuse = BooleanField("Its own JWTs may be used more than once")
    rate_limit = StringField("A limit of its own")
    allowed_cors_origins = FieldList(StringField(), "Origin", max_entries=60)
    contacts = FieldList(StringField(), "Contact", max_entries=60)
    policy_uri = StringField("Privacy policy")
    tos_uri = StringField("Terms of service")
    require_pkce = RadioField("What protects a sign-in", choices=PKCE_CHOICES, default="")
    skip_consent = BooleanField("Skip consent")
    introspect_all = BooleanField("May check every credential")
    resource_server_for = SelectMultipleField("It is the API at")


class ImportForm(FlaskForm):
    """A metadata document, pasted."""

    metadata = TextAreaField("Metadata document")


@blueprint.get("/apps")
@current_user.require_user
def index() -> Any:
    """The person's apps, newest first."""
    status, kind, search = (request.args.get(name, "") for name in ("status", "kind", "q"))
    page = max(request.args.get("page", 1, int), 1)
    limit = min(max(request.args.get("limit", LIMIT, int), 1), 100)
    me = current_user.me().user
    lines, total = client_directory.owned_by(me, search=search, status=status, kind=kind, page=page, limit=limit)
    return render_template(
        "dashboard/apps/index.html",
        lines=lines, total=total, page=page, limit=limit, status=status, kind=kind, q=search,
        kinds=KINDS, statuses=STATUSES, filtered=bool(status or kind or search),
    )  # fmt: skip


@blueprint.get("/apps/new")
@current_user.require_user
def new() -> Any:
    """First the kind of app, then its form."""
    kind = KINDS.get(request.args.get("kind", ""))
    if kind is None or (kind.name == "resource_server" and not current_user.me().user.is_admin):
        return render_template("dashboard/apps/kinds.html", kinds=KINDS.values(), admin=current_user.me().user.is_admin)
    form = _form(kind.name, before=None)
    form.scopes.data = ["openid", "profile"] if CODE in kind.grant_types else []
    if "grant_types" in form:
        form.grant_types.data = list(kind.grant_types)
    return _register_page(form, kind.name)


@blueprint.post("/apps/new")
@current_user.require_user
def register() -> Any:
    """Make the app and show its secret, once."""
    me = current_user.me().user
    kind = KINDS.get(request.form.get("kind", ""))
    if kind is None:
        return render_template("dashboard/apps/kinds.html", kinds=KINDS.values(), admin=me.is_admin), 422
    form = _form(kind.name, before=None)
    if "add_row" in request.form or "preview" in request.form:
        return _register_page(form, kind.name)
    try:
        wanted = Registration(kind=kind.name, **_written(form))
        return _registered(wanted)
    except (Invalid, Conflict) as refused:
        _blame(form, refused)
        return _register_page(form, kind.name), 422


@blueprint.get("/apps/import")
@current_user.require_user
def paste() -> Any:
    """A form for a metadata document."""
    return render_template("dashboard/apps/import.html", form=ImportForm())


@blueprint.post("/apps/import")
@current_user.require_user
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


@blueprint.get("/apps/<client_id>")
@current_user.require_user
def show(client_id: str) -> Any:
    """What it is, what state it is in."""
    client = _mine(client_id)
    now, subjects = clock.now(), [f"client:{client.id}"]
    return render_template(
        "dashboard/apps/show.html",
        tokens_day=usage.total(usage.TOKENS, since=now - DAY, subjects=subjects),
        tokens_week=usage.total(usage.TOKENS, since=now - 7 * DAY, subjects=subjects),
        has_samples=usage.has_samples(since=now - 7 * DAY, subjects=subjects),
        client=client, standing=client_directory.standing(client.id), owner=client_directory.owner(client.owner_id),
        secrets=client_secrets.active(client.id), kind=KINDS[client.kind], checks=_checks(client),
        known=scopes.all(), resources=resources.all(),
    )  # fmt: skip


@blueprint.get("/apps/<client_id>/edit")
@current_user.require_user
def edit(client_id: str) -> Any:
    """The form, filled in."""
    client = _mine(client_id)
    form = _details(client)
    _fill(form, client)
    return _edit_page(form, client)


@blueprint.post("/apps/<client_id>/edit")
@current_user.require_user
def save(client_id: str) -> Any:
    """Store what changed."""
    client = _mine(client_id)
    form = _details(client)
    if "add_row" in request.form:
        return _edit_page(form, client)
    return _saved(form, client, "dashboard/apps/edit.html", url_for("apps.show", client_id=client.id))


@blueprint.get("/apps/<client_id>/scopes")
@current_user.require_user
def show_scopes(client_id: str) -> Any:
    """What it may ask for, and what people will then see."""
    client = _mine(client_id)
    form = _scopes(client)
    _fill(form, client)
    return render_template("dashboard/apps/scopes.html", form=form, client=client, **_shown(form, client.kind, client))


@blueprint.post("/apps/<client_id>/scopes")
@current_user.require_user
def save_scopes(client_id: str) -> Any:
    """Store the scopes."""
    client = _mine(client_id)
    form = _scopes(client)
    if "preview" in request.form:
        return render_template(
            "dashboard/apps/scopes.html", form=form, client=client, **_shown(form, client.kind, client)
        )
    return _saved(form, client, "dashboard/apps/scopes.html", url_for("apps.show_scopes", client_id=client.id))


@blueprint.get("/apps/<client_id>/activity")
@current_user.require_user
def activity(client_id: str) -> Any:
    """What happened to it, newest first."""
    client = _mine(client_id)
    page = max(request.args.get("page", 1, int), 1)
    events, total = audit.page(client_id=client.id, page=page, limit=LIMIT)
    return render_template(
        "dashboard/apps/activity.html", client=client, events=events, total=total, page=page, limit=LIMIT
    )


def _mine(client_id: str) -> Any:
    return clients.visible_to(current_user.me().user, client_id)


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
        )
    )  # fmt: skip
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _saved(form: AppForm, client: Any, template: str, target: str) -> Any:
    me = current_user.me().user
    version = form.version.data or ""
    try:
        wanted = dataclasses.replace(clients.registration_of(client), **_written(form))
        if "scopes" in form:
            optional = tuple(name for name in wanted.optional_scopes if name in wanted.scopes)
            wanted = dataclasses.replace(wanted, default_scopes=None, optional_scopes=optional)
        clients.revise(me, client.id, wanted, version=int(version) if version.isascii() and version.isdigit() else 0)
    except (Invalid, Conflict) as refused:
        _blame(form, refused)
        page = render_template(
            template, form=form, client=client, form_errors=form.errors or form.form_errors,
            **_shown(form, client.kind, client),
        )  # fmt: skip
        return page, 409 if isinstance(refused, Conflict) else 422
    flash("Saved. It counts from now on.", "success")
    return redirect(target, 303)


def _form(kind_name: str, before: Any) -> AppForm:
    """The form for a kind of app and for who asks; what neither may set is not in it."""
    me = current_user.me().user
    kind = KINDS[kind_name]
    form = AppForm()
    taken = set() if me.is_admin else set(FOR_ADMINISTRATORS)
    grants: Iterable[str] = before.grant_types if before else kind.grant_types
    if kind.public:
        taken |= {"token_endpoint_auth_method", "require_pkce"}
        form.grant_types.choices = [each for each in GRANTS if each.value != MACHINE]
    if CODE not in grants:
        taken |= {"optional_scopes", "skip_consent", "require_pkce", "id_token_alg", "allowed_cors_origins"}
        taken |= {"redirect_uris"} if kind_name in ("machine", "resource_server") else set()
    if kind_name == "machine":
        taken |= {"grant_types"}
    for name in taken:
        del form[name]
    _offer(form, me, before, people=CODE in grants)
    _keep_what_was_left_out(form, before)
    return form


def _keep_what_was_left_out(form: AppForm, before: Any) -> None:
    """A choice that a program did not send stays as it is, or as it is by default."""
    if request.method != "POST":
        return
    for name, default in LEFT_OUT.items():
        if name in form and name not in request.form:
            form[name].data = (getattr(before, name, None) if before else None) or default
    if "require_pkce" in form and "require_pkce" not in request.form:
        form.require_pkce.data = _pkce_choice(before.require_pkce if before else None)


def _details(client: Any) -> AppForm:
    form = _form(client.kind, before=client)
    for name in [name for name in form._fields if name in ON_SCOPES_PAGE]:
        del form[name]
    return form


def _scopes(client: Any) -> AppForm:
    form = _form(client.kind, before=client)
    for name in [name for name in form._fields if name not in {*ON_SCOPES_PAGE, "version"}]:
        del form[name]
    return form


def _offer(form: AppForm, me: Any, before: Any, *, people: bool) -> None:
    known, registered = scopes.all(), resources.all()
    # Without people there is nobody whose identity could be shared.
    given = {each.name for each in scopes.assignable_by(admin=me.is_admin) if people or each.level != "identity"} | set(
        before.scopes if before else ()
    )
    named: list[Any] = [SelectChoice(name, facts.title) for name, facts in known.items() if name in given]
    form.scopes.choices = named
    if "optional_scopes" in form:
        own = before.scopes if before else ()
        form.optional_scopes.choices = [each for each in named if each.value in own and each.value != "openid"]
    served = {each.identifier for each in resources.assignable_by(me.id, admin=me.is_admin)}
    served |= set(before.resources if before else ())
    apis = [SelectChoice(each.identifier, each.name) for each in registered.values()]
    form.resources.choices = [each for each in apis if each.value in served]
    if "resource_server_for" in form:
        form.resource_server_for.choices = apis


def _fill(form: AppForm, client: Any) -> None:
    field: Any
    for field in form:
        if field.name in ROWS:
            while field.entries:
                field.pop_entry()
            for value in getattr(client, field.name):
                field.append_entry(value)
        elif field.name == "jwks":
            field.data = json.dumps(client.jwks, indent=2) if client.jwks else ""
        elif field.name == "require_pkce":
            field.data = _pkce_choice(client.require_pkce)
        elif field.name == "version":
            field.data = str(client.version)
        elif field.name != "csrf_token":
            value = getattr(client, field.name)
            field.data = value if value is not None or field.type == "IntegerField" else ""


def _written(form: AppForm) -> dict[str, Any]:
    """What the form says, under the names of a registration. Raises Invalid for what is no such value at all."""
    if not form.validate():
        raise Invalid("Check the highlighted fields.")
    values: dict[str, Any] = {}
    field: Any
    for field in form:
        if field.name in ROWS:
            values[field.name] = tuple(text for text in (_stripped(entry.data) for entry in field.entries) if text)
        elif field.type == "SelectMultipleField":
            values[field.name] = tuple(field.data or ())
        elif field.name == "jwks":
            values["jwks"] = client_metadata.key_set(field.data or "")
        elif field.name == "require_pkce":
            values["require_pkce"] = PKCE[field.data or ""]
        elif field.name not in ("version", "csrf_token"):
            values[field.name] = _stripped(field.data) if isinstance(field.data, str) else field.data
    return {name: value or None if name in _EMPTY_IS_NONE else value for name, value in values.items()}


_EMPTY_IS_NONE = ("token_endpoint_auth_method", "jwks_uri", "access_token_ttl", "jwks", "rate_limit")


def _pkce_choice(kept: bool | None) -> str:
    return next(choice for choice, value in PKCE.items() if value is kept)


def _stripped(text: str | None) -> str:
    return (text or "").strip()


def _blame(form: AppForm, refused: Invalid | Conflict) -> None:
    """Put each sentence at its field; what belongs to no field of this form goes on top."""
    problems = getattr(refused, "problems", None) or ({refused.field: refused.public} if refused.field else {})
    for name, text in problems.items():
        base, _, row = name.partition(".")
        if base not in form:
            form.form_errors.append(text)
            continue
        field: Any = form[base]
        field.errors = [*field.errors, [text]] if row else [text]
        if row:
            filled = [entry for entry in field.entries if _stripped(entry.data)]
            filled[int(row)].errors = [text]
    if not problems and not form.errors:
        form.form_errors.append(refused.public)


def _register_page(form: AppForm, kind_name: str) -> str:
    errors = form.errors or form.form_errors
    return render_template("dashboard/apps/new.html", form=form, form_errors=errors, **_shown(form, kind_name, None))


def _edit_page(form: AppForm, client: Any) -> str:
    return render_template("dashboard/apps/edit.html", form=form, client=client, **_shown(form, client.kind, client))


def _shown(form: AppForm, kind_name: str, client: Any) -> dict[str, Any]:
    """What the pages with a form show beside it: the kind, the sentences, the consent preview."""
    kind = KINDS[kind_name]
    uris = [_stripped(entry.data) for entry in form.redirect_uris.entries] if "redirect_uris" in form else []
    uris = [uri for uri in uris or (client.redirect_uris if client else ()) if uri]
    name = form.name.data if "name" in form else client.name
    return {
        "kind": kind,
        "known": scopes.all(),
        "preview_name": name or "Your app",
        "preview_host": _host(uris[0]) if uris else "",
        "preview_loopback": bool(uris) and redirect_uris.is_loopback(uris[0]),
        "development": [uri for uri in uris if redirect_uris.is_loopback(uri)] if kind_name in ("web", "spa") else [],
        "people": CODE in (client.grant_types if client else kind.grant_types),
        "identity_only": MACHINE not in (client.grant_types if client else kind.grant_types),
    }


def _host(uri: str) -> str:
    try:
        return redirect_uris.display_host(uri)
    except ValueError:
        return ""


def _checks(client: Any) -> list[tuple[bool, str]]:
    """The safety of an app in sentences, good and amber."""
    checks = [code_protection.described(clients.get(client.id))]
    if client.redirect_uris:
        local = any(redirect_uris.is_loopback(uri) for uri in client.redirect_uris) and client.kind != "native"
        checks.append(
            (not local, "A redirect URI of your own machine is left" if local else "Redirect URIs match exactly")
        )
    if not client.public:
        checks.append((True, "Secrets are kept as digests"))
    checks.append((bool(client.contacts), "Somebody can be reached" if client.contacts else "No contact is given"))
    return checks if CODE in client.grant_types else checks[1:]
