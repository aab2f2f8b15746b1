"""How an app proves who it is, and with which grants it gets tokens."""

from __future__ import annotations

from authserver import config
from authserver.domain.clients.metadata import keys
from authserver.domain.clients.metadata.kinds import KINDS
from authserver.domain.clients.metadata.registration import (
    CODE,
    DEVICE,
    MACHINE,
    OF_PEOPLE,
    REFRESH,
    Registration,
)
from authserver.lib import quoting

SECRET_METHODS = ("client_secret_basic", "client_secret_post")
KEY_METHOD = "private_key_jwt"
"""The client signs a JWT with its own key (OIDC Core section 9), and has no secret."""
ASSERTION_ALGS = ("ES256", "PS256", "RS256", "EdDSA")
"""What it may sign them with, unless it says that it signs with one of them alone."""
RESPONSE_MODES = ("query", "fragment", "form_post")


def grant_types() -> tuple[str, ...]:
    """The grants that this server offers, with those that settings switch on."""
    return (CODE, REFRESH, MACHINE, *([DEVICE] if config.current().has_devices else []))


def check_kind(wanted: Registration) -> dict[str, str]:
    """The kind of app goes with whether it can keep a secret."""
    if wanted.application_type not in ("web", "native"):
        return {"application_type": "The application type is web or native."}
    if wanted.public != KINDS[wanted.kind].public:
        return {"kind": "This kind of app does not go with its authentication."}
    return {}


def check_grants(wanted: Registration) -> dict[str, str]:
    """Grants are ours, and go together."""
    granted = wanted.grant_types or ()
    if unknown := quoting.strangers(granted, grant_types()):
        return {"grant_types": f"This server does not offer {unknown}. Possible are {', '.join(grant_types())}."}
    if wanted.public and MACHINE in granted:
        return {"grant_types": "An app without a secret cannot use client_credentials."}
    if REFRESH in granted and not OF_PEOPLE.intersection(granted):
        return {"grant_types": "refresh_token goes together with authorization_code or with the grant for devices."}
    if not granted and wanted.kind != "resource_server":
        return {"grant_types": "Choose at least one grant."}
    if unknown := quoting.strangers(wanted.response_modes, RESPONSE_MODES):
        return {"response_modes": f"This server does not offer {unknown}. Possible are query, fragment and form_post."}
    return {}


def check_method(wanted: Registration) -> dict[str, str]:
    """The method of authentication is one that this app can use."""
    method = wanted.token_endpoint_auth_method
    if wanted.public:
        return {} if method == "none" else _no_such_method(method, "an app without a secret has none")
    if method == KEY_METHOD and not (wanted.jwks or wanted.jwks_uri):
        return _no_such_method(
            method, "it needs the public keys of the app: its address (jwks_uri) or the keys themselves (jwks)"
        )
    if method is not None and method not in (KEY_METHOD, *SECRET_METHODS):
        return _no_such_method(method, f"possible are {KEY_METHOD}, {' and '.join(SECRET_METHODS)}")
    return {}


def check_signing_alg(wanted: Registration) -> dict[str, str]:
    """With what it signs is verified here, and one of its keys does so (OpenID Connect Registration 1.0, section 2)."""
    alg = wanted.auth_signing_alg
    if alg is None:
        return {}
    if alg not in ASSERTION_ALGS:
        return {
            "auth_signing_alg": f"Choose {', '.join(ASSERTION_ALGS[:-1])} or {ASSERTION_ALGS[-1]}, or leave it out."
        }
    if wanted.token_endpoint_auth_method == KEY_METHOD and wanted.jwks and not keys.any_signs(wanted.jwks, alg):
        return {"auth_signing_alg": f"No key of the app signs with {alg}."}
    return {}


def check_pkce(wanted: Registration, *, self_registered: bool = False) -> dict[str, str]:
    """Only an app that keeps a secret, and that somebody answers for, may do without PKCE."""
    if wanted.require_pkce is not False:
        return {}
    if wanted.public:
        return {"require_pkce": "An app without a secret always needs PKCE."}
    if wanted.application_type == "native":
        return {"require_pkce": "An app on people's own machines always needs PKCE: its secret is none."}
    if self_registered:
        return {"require_pkce": "An app that registered itself always needs PKCE or a nonce."}
    return {}


def _no_such_method(method: str | None, possible: str) -> dict[str, str]:
    return {"token_endpoint_auth_method": quoting.refused(method or "", f"{possible}.")}
