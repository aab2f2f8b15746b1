"""An app as an RFC 7591 object, read and written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from authserver.domain.clients.metadata.registration import CODE, Registration
from authserver.errors import Invalid
from authserver.lib import scopes as grammar


def from_json(text: str) -> Registration:
    """Read an RFC 7591 document: unknown members are kept, secrets and ids not taken over. Raises Invalid."""
    try:
        document = json.loads(text, parse_constant=_no_constant)
        # A lone surrogate is no text, and PostgreSQL keeps no NUL.
        if b"\\u0000" in json.dumps(document, ensure_ascii=False).encode():
            raise ValueError
    except (ValueError, RecursionError):
        raise Invalid("This is not JSON.", field="metadata") from None
    if not isinstance(document, dict):
        raise Invalid("This is not a JSON object.", field="metadata")
    return from_document(document)


def from_document(document: Mapping[str, Any]) -> Registration:
    """What an RFC 7591 object asks for. Raises Invalid for wrong types and for what we do not offer."""
    problems = {
        name: "This server does not offer it."
        for name in UNOFFERED
        if document.get(name) not in (None, False, "", [], {})
    }
    values: dict[str, Any] = {}
    for member, (target, read) in _MEMBERS.items():
        if document.get(member) is None:
            continue
        try:
            values[target] = read(document[member])
        except (TypeError, ValueError):
            problems[member] = "This member has the wrong type or form."
    if values.pop("response_types", ("code",)) not in (("code",), ()):
        problems["response_types"] = "Only the response type code is possible."
    if problems:
        raise Invalid("Check the metadata document.", problems=problems)
    extra = {name: value for name, value in document.items() if name not in _MEMBERS and name not in _OURS}
    return Registration(**({"name": "", "metadata_extra": extra} | _public_from(values)))


def to_document(facts: Any) -> dict[str, Any]:
    """A client as an RFC 7591 object; nothing secret is in it. Takes a Client, its facts or a Registration."""
    document: dict[str, Any] = {**facts.metadata_extra}
    for member, (target, _) in _MEMBERS.items():
        value = _value(facts, target)
        if member == "scope" or (member in SCOPE_LISTS and value is not None):
            document[member] = grammar.join(value)
        elif target == "response_types" or value not in (None, "", (), [], {}):
            document[member] = list(value) if isinstance(value, tuple) else value
    return document


def _value(facts: Any, target: str) -> Any:
    """What a member says; None where it would say what goes without saying."""
    if target == "response_types":
        return ["code"] if CODE in facts.grant_types else []
    value = getattr(facts, target)
    if target == "default_scopes":
        return None if value is None or set(value) == set(facts.scopes) else value
    return value or None if target in SCOPE_LISTS else value


def _public_from(values: dict[str, Any]) -> dict[str, Any]:
    """A document says `none` where a form says public; without a method RFC 7591 means basic (contract 11.9)."""
    if values.get("token_endpoint_auth_method") == "none":
        native = values.get("application_type") == "native" and CODE in values.get("grant_types", (CODE,))
        return values | {"public": True} | ({"kind": "native"} if native else {})
    return values


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError
    return tuple(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _scope(value: Any) -> tuple[str, ...]:
    return grammar.parse(_text(value))


def _scopes(value: Any) -> tuple[str, ...]:
    """A text as `scope` is one; in a declaration also a list."""
    return _scope(" ".join(_texts(value)) if isinstance(value, list) else value)


def _no_constant(name: str) -> None:
    raise ValueError(name)


# RFC 7591 and OIDC registration names, then ours; each with the field it fills and the reader of its type.
_MEMBERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "client_name": ("name", _text),
    "client_uri": ("homepage", _text),
    "redirect_uris": ("redirect_uris", _texts),
    "post_logout_redirect_uris": ("post_logout_redirect_uris", _texts),
    "backchannel_logout_uri": ("backchannel_logout_uri", _text),
    "backchannel_logout_session_required": ("backchannel_logout_session_required", _flag),
    "frontchannel_logout_uri": ("frontchannel_logout_uri", _text),
    "frontchannel_logout_session_required": ("frontchannel_logout_session_required", _flag),
    "token_endpoint_auth_method": ("token_endpoint_auth_method", _text),
    "token_endpoint_auth_signing_alg": ("auth_signing_alg", _text),
    "grant_types": ("grant_types", _texts),
    "response_types": ("response_types", _texts),
    "response_modes": ("response_modes", _texts),
    "scope": ("scopes", _scope),
    "default_scopes": ("default_scopes", _scopes),
    "optional_scopes": ("optional_scopes", _scopes),
    "contacts": ("contacts", _texts),
    "software_id": ("software_id", _text),
    "software_version": ("software_version", _text),
    "logo_uri": ("logo_uri", _text),
    "policy_uri": ("policy_uri", _text),
    "tos_uri": ("tos_uri", _text),
    "jwks": ("jwks", _object),
    "jwks_uri": ("jwks_uri", _text),
    "jwt_reuse": ("jwt_reuse", _flag),
    "rate_limit": ("rate_limit", _text),
    "application_type": ("application_type", _text),
    "id_token_signed_response_alg": ("id_token_alg", _text),
    "userinfo_signed_response_alg": ("userinfo_alg", _text),
    "introspection_signed_response_alg": ("introspection_alg", _text),
    "default_max_age": ("default_max_age", _number),
    "require_auth_time": ("require_auth_time", _flag),
    "default_acr_values": ("default_acr_values", _texts),
    "initiate_login_uri": ("initiate_login_uri", _text),
    "request_uris": ("request_uris", _texts),
    "subject_type": ("subject_type", _text),
    "sector_identifier_uri": ("sector_identifier_uri", _text),
    "request_object_signing_alg": ("request_object_alg", _text),
    "description": ("description", _text),
    "allowed_cors_origins": ("allowed_cors_origins", _texts),
    "resources": ("resources", _texts),
    "access_token_format": ("access_token_format", _text),
    "access_token_ttl": ("access_token_ttl", _number),
    "id_token_claims": ("id_token_claims", _flag),
    "required_scopes": ("required_scopes", _scope),
    "require_pkce": ("require_pkce", _flag),
    "skip_consent": ("skip_consent", _flag),
    "introspect_all": ("introspect_all", _flag),
    "resource_server_for": ("resource_server_for", _texts),
}
FIELD_OF = {member: field for member, (field, _) in _MEMBERS.items()}
SCOPE_LISTS = ("default_scopes", "optional_scopes", "required_scopes")
# Made by the server: never taken over from a document.
_OURS = frozenset(
    {"client_id", "client_secret", "client_id_issued_at", "client_secret_expires_at", "registration_access_token",
     "registration_client_uri", "kind", "owner", "owner_id", "client_secret_hash"}
)  # fmt: skip
# A document that asks for protection gets it or a refusal, never less in silence.
UNOFFERED = (
    "dpop_bound_access_tokens", "require_pushed_authorization_requests", "tls_client_certificate_bound_access_tokens",
    "require_signed_request_object", "userinfo_encrypted_response_alg", "id_token_encrypted_response_alg",
    "introspection_encrypted_response_alg", "introspection_encrypted_response_enc",
)  # fmt: skip
