"""What bodies of /v1/clients hold: RFC 7591's members, and our own."""

from __future__ import annotations

from authserver.domain.clients import secrets as client_secrets
from authserver.domain.clients import transfers
from authserver.edge.json_schema import (
    BOOLEAN,
    INTEGER,
    OBJECT,
    STRING,
    TEXTS,
    TIME,
    Schema,
    one_of,
    or_null,
    record,
    shown,
)

DEFAULT_OVERLAP = 86_400
_METADATA: dict[str, Schema] = {
    "client_name": {"type": "string", "maxLength": 100},
    "client_uri": STRING,
    "redirect_uris": TEXTS,
    "post_logout_redirect_uris": TEXTS,
    "backchannel_logout_uri": STRING,
    "backchannel_logout_session_required": BOOLEAN,
    "frontchannel_logout_uri": STRING,
    "frontchannel_logout_session_required": BOOLEAN,
    "token_endpoint_auth_method": STRING,
    "token_endpoint_auth_signing_alg": STRING,
    "grant_types": TEXTS,
    "response_types": TEXTS,
    "response_modes": TEXTS,
    "scope": STRING,
    "default_scopes": {"type": "string", "description": "What a request without scope gets; all of them unless told."},
    "optional_scopes": {"type": "string", "description": "Scopes that people can leave out one by one."},
    "contacts": TEXTS,
    "software_id": {"type": "string", "maxLength": 255, "description": "What its maker calls the program."},
    "software_version": {"type": "string", "maxLength": 255},
    "logo_uri": STRING,
    "policy_uri": STRING,
    "tos_uri": STRING,
    "jwks": OBJECT,
    "jwks_uri": STRING,
    "application_type": STRING,
    "id_token_signed_response_alg": STRING,
    "userinfo_signed_response_alg": STRING,
    "introspection_signed_response_alg": STRING,
    "default_max_age": INTEGER,
    "require_auth_time": BOOLEAN,
    "default_acr_values": TEXTS,
    "initiate_login_uri": STRING,
    "request_uris": TEXTS,
    "subject_type": STRING,
    "sector_identifier_uri": STRING,
    "request_object_signing_alg": STRING,
    "description": STRING,
    "allowed_cors_origins": TEXTS,
    "resources": TEXTS,
    "access_token_format": STRING,
    "access_token_ttl": INTEGER,
    "require_pkce": BOOLEAN,
    "id_token_claims": BOOLEAN,
    "required_scopes": {"type": "string", "description": "Scopes that people cannot leave out."},
    "skip_consent": BOOLEAN,
    "introspect_all": BOOLEAN,
    "resource_server_for": TEXTS,
}
_ASKED = {name: or_null(schema) for name, schema in _METADATA.items()}
_CHANGED = {**_ASKED, "disabled": BOOLEAN}
_OWN: dict[str, Schema] = {
    "client_id": STRING,
    "client_id_issued_at": {**INTEGER, "description": "Epoch seconds."},
    **_METADATA,
    "kind": STRING,
    "owner_id": or_null(STRING),
    "disabled": BOOLEAN,
    "updated_at": TIME,
    "ignored_keys": {**TEXTS, "description": "A sentence for each key of the set just sent that is not kept."},
}
_ALWAYS = ("client_id", "client_id_issued_at", "client_name", "kind", "owner_id", "disabled", "updated_at")
ROTATION = record(
    {
        "overlap_seconds": {**INTEGER, "minimum": 0, "maximum": client_secrets.MAX_OVERLAP, "default": DEFAULT_OVERLAP},
        "force": {**BOOLEAN, "description": "End the older of two secrets that both still work."},
    }
)
OFFERED = record(
    {"owner": {**STRING, "maxLength": 254, "description": "The new owner: a user id or an email."}}, "owner"
)
ACCEPTED = record({"former_credentials": one_of(*transfers.CHOICES)}, "former_credentials")
SCHEMAS: dict[str, Schema] = {
    "Offer": shown({"client_id": STRING, "owner": STRING, "expires_at": TIME}),
    # Generated clients have a Client and a NewClient of their own.
    "RegisteredClient": record(_OWN, *_ALWAYS, open=True, about="RFC 7591 section 2; what has no value is left out."),
    "NewRegisteredClient": record(
        {**_OWN, "client_secret": STRING, "client_secret_expires_at": INTEGER}, *_ALWAYS, open=True,
        about="A client that was just registered: the only answer with `client_secret`.",
    ),
    "ClientSecret": shown(
        {
            "id": STRING, "hint": STRING, "created_at": TIME, "expires_at": or_null(TIME), "revoked_at": or_null(TIME),
            "last_used_at": or_null(TIME), "last_used_ip": or_null(STRING),
        }
    ),
    "NewClientSecret": shown(
        {
            "id": STRING, "client_id": STRING, "client_secret": STRING, "client_secret_expires_at": INTEGER,
            "previous_ends_at": or_null(TIME),
        }
    ),
}  # fmt: skip
FILTERS: dict[str, Schema] = {
    "status": one_of("active", "disabled", "deleted"),
    "q": {"type": "string", "maxLength": 100, "description": "Part of the name or id."},
}
END_MADE: dict[str, Schema] = {
    "end_made": {
        "type": "boolean",
        "default": False,
        "description": "End what it made for people, too: API keys, webhooks and secrets for good; apps are disabled."
        " Needs `admin` and `keys:manage` on top.",
    }
}
NEW, CHANGE = record(_ASKED, "client_name", open=True), record(_CHANGED, open=True)
