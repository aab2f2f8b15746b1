"""How an app proves who it is, and with which grants it gets tokens."""

from __future__ import annotations

from authserver.domain.client_metadata.kinds import KINDS
from authserver.domain.client_metadata.registration import CODE, MACHINE, REFRESH, Registration

GRANT_TYPES = (CODE, REFRESH, MACHINE)
SECRET_METHODS = ("client_secret_basic", "client_secret_post")


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
    if unknown := [name for name in granted if name not in GRANT_TYPES]:
        return {"grant_types": f"This server does not offer {len(unknown)} of these grants."}
    if wanted.public and MACHINE in granted:
        return {"grant_types": "An app without a secret cannot use client_credentials."}
    if REFRESH in granted and CODE not in granted:
        return {"grant_types": "refresh_token goes together with authorization_code."}
    if not granted and wanted.kind != "resource_server":
        return {"grant_types": "Choose at least one grant."}
    if any(mode not in ("query", "form_post") for mode in wanted.response_modes):
        return {"response_modes": "Possible are query and form_post."}
    return {}


def check_method(wanted: Registration) -> dict[str, str]:
    """The method of authentication is one that this app can use."""
    method = wanted.token_endpoint_auth_method
    if wanted.public:
        if not wanted.require_pkce:
            return {"require_pkce": "An app without a secret always needs PKCE."}
        return {} if method == "none" else {"token_endpoint_auth_method": "Without a secret, only none is possible."}
    if method is not None and method not in SECRET_METHODS:
        return {"token_endpoint_auth_method": "Possible are client_secret_basic and client_secret_post."}
    return {}
