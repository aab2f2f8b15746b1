"""The protocol, named by the specs; the only code that knows Authlib. Its table of contents."""

from __future__ import annotations

from flask import Blueprint

from authserver.domain.access import protected_resources
from authserver.edge.cors import any_origin, of_apps
from authserver.edge.machine import Endpoint, issuer_path
from authserver.edge.pools import INSTANT
from authserver.oauth import features
from authserver.oauth.endpoints import (
    authorization,
    end_session,
    introspection,
    jwks,
    metadata,
    protected_resource_metadata,
    revocation,
    token,
    userinfo,
)
from authserver.oauth.grants.authorization_code import AuthorizationCode
from authserver.oauth.grants.client_credentials import ClientCredentials
from authserver.oauth.grants.refresh_token import RefreshToken
from authserver.oauth.server import server

GET, POST = frozenset({"GET"}), frozenset({"POST"})
DISCOVERY = Endpoint(metadata.respond, GET, cacheable=True, cors=any_origin, room=INSTANT)
RESOURCE = Endpoint(protected_resource_metadata.respond, GET, cacheable=True, cors=any_origin, room=INSTANT)
WELL_KNOWN = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")

GRANTS = (AuthorizationCode, RefreshToken, ClientCredentials)
ENDPOINTS = {
    **dict.fromkeys(WELL_KNOWN, DISCOVERY),
    "/.well-known/jwks.json": Endpoint(jwks.respond, GET, cacheable=True, cors=any_origin, room=INSTANT),
    # The paths of resources follow; that of an issuer with a path is among them.
    **dict.fromkeys((protected_resources.WELL_KNOWN + path for path in ("", "/v1", "/")), RESOURCE),
    "/oauth/token": Endpoint(token.respond, POST, cors=of_apps, quicker=token.room),
    "/oauth/introspect": Endpoint(introspection.respond, POST, cors=of_apps),
    "/oauth/revoke": Endpoint(revocation.respond, POST, cors=of_apps),
    "/oauth/userinfo": Endpoint(userinfo.respond, GET | POST, cors=of_apps),
}
BLUEPRINTS: tuple[Blueprint, ...] = (authorization.blueprint, end_session.blueprint)


def switched_on() -> dict[str, Endpoint]:
    """The endpoints of features that a setting switches on (`features.py`)."""
    return features.endpoints()


def blueprints() -> list[Blueprint]:
    """Pages of the protocol, with those that a setting switches on."""
    return [*BLUEPRINTS, *features.blueprints()]


def path_inserted() -> dict[str, Endpoint]:
    """Discovery as RFC 8414 section 3 spells it for an issuer with a path; empty without one."""
    path = issuer_path()
    return dict.fromkeys((f"{name}{path}" for name in WELL_KNOWN), DISCOVERY) if path else {}


metadata.add(features.metadata)
for each in (*GRANTS, *features.grants()):
    server.register_grant(each)
