"""What an app that registers itself may say of itself, and what of it counts (RFC 7591 section 2, contract 11.36)."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from authserver.domain.access import self_registration
from authserver.domain.clients.metadata import authentication
from authserver.domain.clients.metadata import document as client_document
from authserver.domain.clients.metadata.registration import CODE, DEVICE, OF_PEOPLE, REFRESH, Registration
from authserver.errors import Invalid
from authserver.lib import redirect_uris

MEMBERS = (
    "client_name", "client_uri", "redirect_uris", "post_logout_redirect_uris", "backchannel_logout_uri",
    "backchannel_logout_session_required", "frontchannel_logout_uri", "frontchannel_logout_session_required",
    "token_endpoint_auth_method", "token_endpoint_auth_signing_alg",
    "grant_types", "response_types", "scope", "contacts", "policy_uri", "tos_uri", "jwks", "jwks_uri",
    "application_type", "id_token_signed_response_alg", "userinfo_signed_response_alg",
    "introspection_signed_response_alg",
    "request_uris", "request_object_signing_alg", "subject_type", "sector_identifier_uri",
    "software_id", "software_version", "require_auth_time",
    "default_max_age", "default_acr_values", "initiate_login_uri",
    "response_modes", "default_scopes", "optional_scopes",
)  # fmt: skip
"""Members that count. Every other is dropped: what is left would be privileges, or is none of this server's."""
VOUCHED = ("logo_uri",)
"""Those that count besides where somebody gave the app an initial access token: they answer for whose picture it is."""
# A grant of an app for itself, or by somebody's assertion, needs somebody who answers for the app.
GRANTS = (CODE, REFRESH, DEVICE)
STATEMENT = "software_statement"
# A scope that nobody asked for gives none of these: an app that names no scope at all wants neither.
ONLY_IF_ASKED = ("phone", "address")


class UnapprovedStatement(Invalid):
    """A software statement of nobody whom this server knows (RFC 7591 section 3.2.2)."""


def read(document: Mapping[str, Any], *, vouched: bool = False) -> Registration:
    """What a document asks for, as far as such an app gets it. Raises Invalid.

    `vouched`: it comes with an initial access token, or did.

    Grants and scopes that it cannot have are left out, not refused: clients ask everywhere for all that they know.
    """
    if document.get(STATEMENT) is not None:
        text = "This server trusts no issuer of software statements. Register without one."
        raise UnapprovedStatement(text, field=STATEMENT)
    asked = {name: value for name, value in document.items() if value is not None}
    possible = (*members(vouched=vouched), *client_document.UNOFFERED)
    known = {name: value for name, value in asked.items() if name in possible}
    offered = [each for each in GRANTS if each in authentication.grant_types()]
    known["grant_types"] = _kept(asked, "grant_types", offered, needed=OF_PEOPLE, default=[CODE])
    known["response_types"] = ["code"]  # a device has none to ask for
    if CODE in known["grant_types"]:
        known["response_types"] = _kept(asked, "response_types", ("code",), needed={"code"}, default=["code"])
    known.setdefault("token_endpoint_auth_method", "client_secret_basic")
    wanted = client_document.from_document(known)
    names = _scopes(wanted.scopes)
    return dataclasses.replace(
        wanted,
        name=wanted.name or _host(wanted.redirect_uris),
        kind="" if wanted.public else "web",
        application_type=_application_type(wanted),
        id_token_claims=False,
        scopes=names,
        default_scopes=_default(wanted, names),
        optional_scopes=tuple(name for name in wanted.optional_scopes if name in names),
        metadata_extra={},
    )


def members(*, vouched: bool) -> tuple[str, ...]:
    """Those that count of an app that somebody vouched for, or that came by itself."""
    return (*MEMBERS, *VOUCHED) if vouched else MEMBERS


def merged(before: Registration, wanted: Registration, *, vouched: bool = False) -> Registration:
    """The app as it is, with everything that it may say of itself as it says it now (RFC 7592 section 2.2)."""
    own = [client_document.FIELD_OF[name] for name in members(vouched=vouched) if name != "response_types"]
    said = {name: getattr(wanted, name) for name in own}
    # What an administrator demanded of it stays, as far as it still has it.
    required = tuple(name for name in before.required_scopes if name in wanted.scopes)
    optional = tuple(name for name in wanted.optional_scopes or before.optional_scopes if name in wanted.scopes)
    said["optional_scopes"] = tuple(name for name in optional if name not in required)
    return dataclasses.replace(before, **said, required_scopes=required)


def shown(row: Any) -> dict[str, Any]:
    """The members that count of an app, as they are registered."""
    document = client_document.to_document(row)
    own = members(vouched=row.registered_with is not None)
    return {name: document[name] for name in own if document.get(name) not in (None, "", [])}


def _scopes(asked: Sequence[str]) -> tuple[str, ...]:
    allowed = self_registration.allowed()
    return tuple(name for name in asked if name in allowed) if asked else allowed


def _default(wanted: Registration, names: Sequence[str]) -> tuple[str, ...] | None:
    """What a request that names no scope gets: what it says itself, else all that it asked for here."""
    if wanted.default_scopes is not None:
        return tuple(name for name in wanted.default_scopes if name in names)
    return None if wanted.scopes else tuple(name for name in names if name not in ONLY_IF_ASKED)


def _kept(
    asked: Mapping[str, Any], name: str, possible: Sequence[str], *, needed: Collection[str], default: list[str]
) -> list[str]:
    values = asked.get(name, default)
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise Invalid("Check the metadata.", problems={name: "This member is a list of texts."})
    kept = [each for each in possible if each in values]
    if not set(needed).intersection(kept):
        raise Invalid("Check the metadata.", problems={name: f"{possible[0]} must be among them."})
    return kept


def _application_type(wanted: Registration) -> str:
    """Whoever has a scheme of their own runs where their person is: oidc-agent says "web", and means it so.

    RFC 7591 section 3.2.1: the server may put another value in place of the one that was asked for, and says so. It is
    the stricter of the two.
    """
    if any(redirect_uris.is_custom_scheme(uri) for uri in wanted.redirect_uris):
        return "native"
    return wanted.application_type or ("native" if _is_local(wanted.redirect_uris) else "web")


def _is_local(uris: Sequence[str]) -> bool:
    """Whether it runs where its person is, as most that register themselves do without saying so."""
    return any(redirect_uris.is_loopback(uri) or redirect_uris.is_custom_scheme(uri) for uri in uris)


def _host(uris: Sequence[str]) -> str:
    """What a nameless app is called: where it leads to. A URI that is none is refused by the rules that follow."""
    try:
        return redirect_uris.display_host(uris[0])[:100] if uris else "?"
    except ValueError:
        return "?"
