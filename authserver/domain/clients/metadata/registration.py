"""What somebody asks for when they register an app (RFC 7591 section 2)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

CODE, REFRESH, MACHINE = "authorization_code", "refresh_token", "client_credentials"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"  # RFC 8628 section 3.4
OF_PEOPLE = frozenset({CODE, DEVICE})
"""Grants in which somebody signs in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What somebody asks for. None and "" mean: as the kind says. Lists keep their order."""

    name: str
    kind: str = ""
    client_id: str = ""  # chosen: command line alone
    application_type: str = ""
    public: bool | None = None
    token_endpoint_auth_method: str | None = None
    auth_signing_alg: str | None = None  # of the JWTs by which it proves who it is; None: any that is verified here
    subject_type: str = "public"
    sector_identifier_uri: str = ""  # where its redirect URIs are listed, if they are not all of one host
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str = ""
    backchannel_logout_session_required: bool = False
    frontchannel_logout_uri: str = ""
    frontchannel_logout_session_required: bool = False
    allowed_cors_origins: tuple[str, ...] = ()
    grant_types: tuple[str, ...] | None = None
    response_modes: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    default_scopes: tuple[str, ...] | None = None  # None: all of `scopes`
    optional_scopes: tuple[str, ...] = ()
    required_scopes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_server_for: tuple[str, ...] = ()
    introspect_all: bool = False
    require_pkce: bool | None = None  # None: as the setting says; False: its software can send neither
    skip_consent: bool = False
    access_token_format: str = "jwt"
    access_token_ttl: int | None = None
    id_token_alg: str = "RS256"
    userinfo_alg: str | None = None  # None: userinfo answers in JSON
    introspection_alg: str = "RS256"  # of answers that it asks to have signed (RFC 9701)
    default_max_age: int | None = None
    require_auth_time: bool = False  # said back: every ID token has `auth_time`
    default_acr_values: tuple[str, ...] = ()
    id_token_claims: bool = True  # who registers by themselves gets false unless they ask (contract 5)
    request_uris: tuple[str, ...] = ()
    request_object_alg: str | None = None  # None: any that is signed; "none": unsigned ones, too
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None
    jwt_reuse: bool = False
    rate_limit: str | None = None
    homepage: str = ""
    initiate_login_uri: str = ""  # where somebody else sends people who are to sign in at the app
    description: str = ""
    logo_uri: str = ""
    policy_uri: str = ""
    tos_uri: str = ""
    contacts: tuple[str, ...] = ()
    software_id: str = ""  # what its maker calls the program, the same in every copy of it: for administrators' eyes
    software_version: str = ""
    metadata_extra: dict[str, Any] = field(default_factory=dict)


FIELDS = tuple(each.name for each in dataclasses.fields(Registration))
