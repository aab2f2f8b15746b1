"""GET /.well-known/oauth-authorization-server and /.well-known/openid-configuration (RFC 8414, OIDC Discovery 1.0)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from authserver import config
from authserver.config import Settings
from authserver.domain.access import protected_resources, scopes
from authserver.domain.clients.metadata import subjects
from authserver.domain.ground import cache
from authserver.domain.signing import keys as signing_keys
from authserver.domain.tokens import client_assertions
from authserver.edge import documents
from authserver.edge.exchange import Incoming, Outgoing
from authserver.lib.documents import Document
from authserver.oauth import authentication_request, authorization_rules, claims, prompt, request_object
from authserver.oauth.client import AUTH_METHODS
from authserver.oauth.server import server

PROVING = [method for method in AUTH_METHODS if method != "none"]
MAX_AGE = 300


def respond(incoming: Incoming) -> Outgoing:
    """One document under both names, made when settings, scopes, resources or keys change."""
    return documents.answer(incoming, _document(), "application/json", caching=documents.public(MAX_AGE))


def describe(settings: Settings) -> dict[str, Any]:
    """What works, and nothing else; never a null."""
    issuer = settings.issuer
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "userinfo_endpoint": f"{issuer}/oauth/userinfo",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "end_session_endpoint": f"{issuer}/oauth/logout",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "protected_resources": list(protected_resources.identifiers()),
        "scopes_supported": list(scopes.all()),
        "response_types_supported": ["code"],
        "response_modes_supported": list(authorization_rules.RESPONSE_MODES),
        "grant_types_supported": list(server.grant_types),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "introspection_endpoint_auth_methods_supported": PROVING,
        "revocation_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "token_endpoint_auth_signing_alg_values_supported": list(client_assertions.ALGS),
        "introspection_endpoint_auth_signing_alg_values_supported": list(client_assertions.ALGS),
        "revocation_endpoint_auth_signing_alg_values_supported": list(client_assertions.ALGS),
        "authorization_response_iss_parameter_supported": True,
        "subject_types_supported": list(subjects.TYPES),
        "id_token_signing_alg_values_supported": list(signing_keys.algs()),
        "userinfo_signing_alg_values_supported": list(signing_keys.algs()),
        "introspection_signing_alg_values_supported": list(signing_keys.algs()),
        **claims.described(),
        **prompt.described(settings),
        **authentication_request.described(),
        **request_object.described(),
        **_more(settings),
    }


def add(more: Callable[[Settings], dict[str, Any]]) -> None:
    """Say this, too: what features that a setting switches on say of themselves."""
    global _more
    _more = more


def _nothing(_settings: Settings) -> dict[str, Any]:
    return {}


_more: Callable[[Settings], dict[str, Any]] = _nothing
_kept: tuple[object, Document] = (None, Document(b"", ""))


def _document() -> Document:
    global _kept
    settings = config.current()
    made_of = (settings, cache.current_version("scopes"), signing_keys.algs())
    kept = _kept
    if kept[0] != made_of:
        kept = _kept = (made_of, Document.of(json.dumps(describe(settings), indent=1).encode()))
    return kept[1]
