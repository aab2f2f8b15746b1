"""The form of an app: what each kind of app and each reader may write, and what stands beside it (ux.md 2.4)."""

from __future__ import annotations

import json
from typing import Any

from flask import request
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
from wtforms.validators import Optional

from authserver.dashboard.apps import offers
from authserver.domain.access import scopes
from authserver.domain.clients import metadata as client_metadata
from authserver.domain.clients.metadata import CODE, KINDS, MACHINE, OF_PEOPLE, authentication
from authserver.edge import current_user
from authserver.errors import Conflict, Invalid
from authserver.lib import redirect_uris

ON_SCOPES_PAGE = ("scopes", "default_scopes", "optional_scopes", "required_scopes", "resources")
ROWS = ("redirect_uris", "post_logout_redirect_uris", "allowed_cors_origins", "contacts", "request_uris")
# Fields that only administrators get to see; a form of anybody else cannot set them (contract 11.3).
FOR_ADMINISTRATORS = ("rate_limit", "skip_consent", "introspect_all", "resource_server_for")
# What has a meaning only where somebody signs in.
ABOUT_PEOPLE = frozenset({
    "default_scopes", "optional_scopes", "required_scopes", "id_token_claims", "skip_consent", "require_pkce",
    "id_token_alg", "userinfo_alg", "subject_type", "sector_identifier_uri", "request_object_alg", "request_uris",
    "response_modes", "default_max_age", "default_acr_values", "initiate_login_uri", "allowed_cors_origins",
    "post_logout_redirect_uris", "backchannel_logout_uri", "backchannel_logout_session_required",
    "frontchannel_logout_uri", "frontchannel_logout_session_required",
})  # fmt: skip
# What has a meaning only where a browser comes back with a code.
ABOUT_BROWSERS = frozenset({
    "response_modes", "default_max_age", "default_acr_values", "initiate_login_uri", "request_object_alg",
    "request_uris", "allowed_cors_origins", "frontchannel_logout_uri", "frontchannel_logout_session_required",
    "require_pkce", "skip_consent",
})  # fmt: skip
PKCE = {"": None, "always": True, "neither": False}
LEFT_OUT = {
    "token_endpoint_auth_method": "", "auth_signing_alg": "",
    "access_token_format": "jwt", "id_token_alg": "RS256", "userinfo_alg": "",
    "introspection_alg": "RS256",
    "subject_type": "public", "request_object_alg": "",
}  # fmt: skip
_EMPTY_IS_NONE = (
    "token_endpoint_auth_method",
    "auth_signing_alg",
    "jwks_uri",
    "access_token_ttl",
    "jwks",
    "rate_limit",
    "default_scopes",
    "userinfo_alg",
    "request_object_alg",
)


class AppForm(FlaskForm):
    """Everything of an app that its owner, or an administrator, may write. What a kind does not have is taken away."""

    version = HiddenField()
    name = StringField("Name")
    homepage = StringField("Homepage")
    logo_uri = StringField("Logo")
    description = TextAreaField("Description")
    redirect_uris = FieldList(StringField(), "Redirect URI", max_entries=60)
    post_logout_redirect_uris = FieldList(StringField(), "Address after sign-out", max_entries=60)
    backchannel_logout_uri = StringField("Address that hears of sign-outs")
    backchannel_logout_session_required = BooleanField("That address needs to know which sign-in ended")
    frontchannel_logout_uri = StringField("Page that signs out in the browser")
    frontchannel_logout_session_required = BooleanField("That page needs to know which sign-in ended")
    initiate_login_uri = StringField("Page that starts a sign-in")
    scopes = SelectMultipleField("What it may ask for")
    default_scopes = SelectMultipleField("What it gets when it names none")
    optional_scopes = SelectMultipleField("What people may leave out")
    required_scopes = SelectMultipleField("What the app cannot work without")
    resources = SelectMultipleField("APIs it may call")
    grant_types = SelectMultipleField("Grants", choices=offers.GRANTS)
    response_modes = SelectMultipleField("How answers come back", choices=offers.MODES)
    default_max_age = IntegerField("Oldest sign-in, in seconds", [Optional()])
    default_acr_values = SelectMultipleField("How surely people sign in")
    token_endpoint_auth_method = SelectField("Authentication", choices=offers.METHODS)
    auth_signing_alg = SelectField("Its JWTs are signed with", choices=offers.ASSERTIONS)
    access_token_format = SelectField("Access tokens", choices=offers.TOKENS)
    access_token_ttl = IntegerField("Their life in seconds", [Optional()])
    id_token_alg = SelectField("ID tokens signed with")
    userinfo_alg = SelectField("Userinfo")
    introspection_alg = SelectField("Introspection signed with")
    id_token_claims = BooleanField("Name and email in ID tokens", default=True)
    subject_type = SelectField("It knows people by", choices=offers.SUBJECTS)
    sector_identifier_uri = StringField("Address of its sector")
    request_object_alg = SelectField("Request objects", choices=offers.OBJECTS)
    request_uris = FieldList(StringField(), "Address", max_entries=12)
    jwks = TextAreaField("Public keys")
    jwks_uri = StringField("Address of the public keys")
    jwt_reuse = BooleanField("Its own JWTs may be used more than once")
    rate_limit = StringField("A limit of its own")
    allowed_cors_origins = FieldList(StringField(), "Origin", max_entries=60)
    contacts = FieldList(StringField(), "Contact", max_entries=60)
    policy_uri = StringField("Privacy policy")
    tos_uri = StringField("Terms of service")
    require_pkce = RadioField("What protects a sign-in", choices=offers.PKCE_CHOICES, default="")
    skip_consent = BooleanField("Skip consent")
    introspect_all = BooleanField("May check every credential")
    resource_server_for = SelectMultipleField("It is the API at")


def made(kind_name: str, before: Any) -> AppForm:
    """The form for a kind of app and for who asks; what neither may set is not in it."""
    me = current_user.me().user
    kind = KINDS[kind_name]
    form = AppForm()
    taken = set() if me.is_admin else set(FOR_ADMINISTRATORS)
    if kind.public:
        taken |= {"token_endpoint_auth_method", "auth_signing_alg", "require_pkce", "introspection_alg"}
    grants = set(before.grant_types if before else kind.grant_types)
    offered = [each for each in offers.GRANTS if each.value in (*grants, *authentication.grant_types())]
    form.grant_types.choices = [each for each in offered if not (kind.public and each.value == MACHINE)]
    if not OF_PEOPLE & grants:
        taken |= ABOUT_PEOPLE
        taken |= {"redirect_uris"} if kind_name in ("machine", "resource_server") else set()
    elif CODE not in grants:
        taken |= ABOUT_BROWSERS
    if kind_name == "machine":
        taken |= {"grant_types"}
    for name in taken:
        del form[name]
    offers.fill(form, me, before, people=bool(OF_PEOPLE & grants))
    _keep_what_was_left_out(form, before)
    return form


def details(client: Any) -> AppForm:
    form = made(client.kind, before=client)
    for name in [name for name in form._fields if name in ON_SCOPES_PAGE]:
        del form[name]
    return form


def of_scopes(client: Any) -> AppForm:
    form = made(client.kind, before=client)
    for name in [name for name in form._fields if name not in {*ON_SCOPES_PAGE, "version"}]:
        del form[name]
    return form


def fill(form: AppForm, client: Any) -> None:
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
        elif field.name == "default_scopes":
            field.data = [] if set(client.default_scopes) == set(client.scopes) else list(client.default_scopes)
        elif field.name == "version":
            field.data = str(client.version)
        elif field.name != "csrf_token":
            value = getattr(client, field.name)
            field.data = value if value is not None or field.type == "IntegerField" else ""


def fill_in(form: AppForm, kind: str, values: tuple[str, ...]) -> bool:
    """Put a proposed change into a form that is filled already; False where the form has no such field."""
    if kind == "redirect_uri" and "redirect_uris" in form:
        for value in values:
            form.redirect_uris.append_entry(value)
        return True
    if kind == "scope" and "scopes" in form:
        offered = [value for value, *_ in form.scopes.iter_choices() if value in values]
        form.scopes.data = [*(form.scopes.data or ()), *offered]
        return bool(offered)
    if kind == "pkce" and "require_pkce" in form:
        form.require_pkce.data = "neither"
        return True
    return False


def written(form: AppForm) -> dict[str, Any]:
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
            # A text that a program left out is an empty one.
            values[field.name] = _stripped(field.data) if isinstance(field, _TEXTS) else field.data
    return {name: value or None if name in _EMPTY_IS_NONE else value for name, value in values.items()}


def blame(form: AppForm, refused: Invalid | Conflict) -> None:
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


def shown(form: AppForm, kind_name: str, client: Any) -> dict[str, Any]:
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
        "signs_in_by_code": CODE not in (client.grant_types if client else kind.grant_types),
        "people": bool(OF_PEOPLE.intersection(client.grant_types if client else kind.grant_types)),
        "identity_only": MACHINE not in (client.grant_types if client else kind.grant_types),
    }


def _keep_what_was_left_out(form: AppForm, before: Any) -> None:
    """A choice that a program did not send stays as it is, or as it is by default."""
    if request.method != "POST":
        return
    for name, default in LEFT_OUT.items():
        if name in form and name not in request.form:
            form[name].data = (getattr(before, name, None) if before else None) or default
    if "require_pkce" in form and "require_pkce" not in request.form:
        form.require_pkce.data = _pkce_choice(before.require_pkce if before else None)


_TEXTS = (StringField, RadioField, SelectField)


def _pkce_choice(kept: bool | None) -> str:
    return next(choice for choice, value in PKCE.items() if value is kept)


def _stripped(text: str | None) -> str:
    return (text or "").strip()


def _host(uri: str) -> str:
    try:
        return redirect_uris.display_host(uri)
    except ValueError:
        return ""
