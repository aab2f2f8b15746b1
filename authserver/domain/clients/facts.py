"""A client as the protocol sees it: who it is, what it may now, who owns it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from authserver.lib import clock, redirect_uris


@dataclass(frozen=True, slots=True)
class SecretFacts:
    """A secret that was not revoked; whether it has expired is judged at use."""

    id: str
    digest: bytes
    expires_at: int | None
    revoked_at: int | None

    def valid_at(self, now: int) -> bool:
        """Whether it may still be used at `now`, in epoch seconds."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """A stored client as the protocol sees it: its scopes and privileges are what its owner's role allows now."""

    id: str
    name: str
    kind: str
    owner_id: str | None
    application_type: str
    public: bool
    token_endpoint_auth_method: str | None
    auth_signing_alg: str | None
    subject_type: str
    sector_identifier_uri: str
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    backchannel_logout_uri: str
    backchannel_logout_session_required: bool
    frontchannel_logout_uri: str
    frontchannel_logout_session_required: bool
    allowed_cors_origins: tuple[str, ...]
    grant_types: tuple[str, ...]
    response_modes: tuple[str, ...]
    scopes: tuple[str, ...]
    default_scopes: tuple[str, ...]
    optional_scopes: tuple[str, ...]
    required_scopes: tuple[str, ...]
    resources: tuple[str, ...]
    resource_server_for: tuple[str, ...]
    introspect_all: bool
    require_pkce: bool | None
    skip_consent: bool
    access_token_format: str
    access_token_ttl: int | None
    id_token_alg: str
    userinfo_alg: str | None
    introspection_alg: str
    default_max_age: int | None
    require_auth_time: bool
    default_acr_values: tuple[str, ...]
    id_token_claims: bool
    request_uris: tuple[str, ...]
    request_object_alg: str | None
    jwks: dict[str, Any] | None
    jwks_uri: str | None
    keys_end_at: int | None
    shared_until: int | None
    jwt_reuse: bool
    rate_limit: str | None
    homepage: str
    initiate_login_uri: str
    description: str
    logo_uri: str
    logo_digest: str
    policy_uri: str
    tos_uri: str
    contacts: tuple[str, ...]
    software_id: str
    software_version: str
    metadata_extra: dict[str, Any]
    self_registered: bool
    first_used_at: int | None
    document_url: str | None
    document_fetched_at: int | None
    document_fresh_until: int | None
    installation: bool
    tokens_ended_before: int
    tokens_epoch: int
    created_at: int
    updated_at: int
    version: int
    disabled_at: int | None
    disabled_by: str
    deleted_at: int | None
    secrets: tuple[SecretFacts, ...] = ()
    native: bool = False
    owner_disabled: bool = False
    vouched: bool = False
    """Whether an administrator or the operator answers for it: it is the installation's, or its owner is one now."""

    @property
    def client_id(self) -> str:
        """Its name in requests and tokens: the URL of the document that describes it, or its id."""
        return self.document_url or self.id

    @property
    def enabled(self) -> bool:
        """Neither disabled nor deleted, and nor is its owner (contract 11.38)."""
        return self.disabled_at is None and self.deleted_at is None and not self.owner_disabled

    @property
    def shared(self) -> bool:
        """Whether a former owner's secrets open it, too: then it acts in nobody's name and makes nothing (11.38)."""
        return self.shared_until is not None and self.shared_until > clock.now()

    @property
    def tokens_not_before(self) -> int:
        """Tokens issued before (epoch seconds) are dead: all that a former owner may have got, once that is over."""
        over = 0 if self.shared_until is None or self.shared else self.shared_until
        return max(self.tokens_ended_before, over)

    @property
    def answerable(self) -> str:
        """Who chose what it says of itself, and answers for it: its owner; nobody in common, of all that registered
        themselves; itself, of the installation.
        """
        return self.owner_id or ("nobody" if self.self_registered else self.id)

    @property
    def auth_methods(self) -> tuple[str, ...]:
        """How it may authenticate: one that chose no method may use basic or post (contract 11.9)."""
        if self.token_endpoint_auth_method:
            return (self.token_endpoint_auth_method,)
        return ("none",) if self.public else ("client_secret_basic", "client_secret_post")

    def may_use(self, grant_type: str) -> bool:
        """Whether it registered this grant."""
        return grant_type in self.grant_types


def is_native(application_type: str, public: bool, uris: tuple[str, ...]) -> bool:
    """Whether any loopback port is accepted (contract 11.10)."""
    if application_type == "native":
        return True
    local = all(redirect_uris.is_loopback(uri) or redirect_uris.is_custom_scheme(uri) for uri in uris)
    return public and bool(uris) and local
