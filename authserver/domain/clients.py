"""OAuth clients: who they are, what they may, who owns them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from authserver import database
from authserver.domain import cache, scopes
from authserver.errors import NotFound
from authserver.lib import redirect_uris
from authserver.models import Client, ClientSecret, User


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
    """A stored client as the protocol sees it. `scopes` is what its owner's role may hold (contract 11.1)."""

    id: str
    name: str
    kind: str
    owner_id: str | None
    application_type: str
    public: bool
    token_endpoint_auth_method: str | None
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    allowed_cors_origins: tuple[str, ...]
    grant_types: tuple[str, ...]
    response_modes: tuple[str, ...]
    scopes: tuple[str, ...]
    default_scopes: tuple[str, ...]
    optional_scopes: tuple[str, ...]
    resources: tuple[str, ...]
    resource_server_for: tuple[str, ...]
    introspect_all: bool
    require_pkce: bool
    skip_consent: bool
    access_token_format: str
    access_token_ttl: int | None
    id_token_alg: str
    jwks: dict[str, Any] | None
    jwks_uri: str | None
    homepage: str
    description: str
    policy_uri: str
    tos_uri: str
    contacts: tuple[str, ...]
    metadata_extra: dict[str, Any]
    self_registered: bool
    tokens_not_before: int
    created_at: int
    updated_at: int
    disabled_at: int | None
    deleted_at: int | None
    secrets: tuple[SecretFacts, ...] = ()
    native: bool = False

    @property
    def enabled(self) -> bool:
        """Neither disabled nor deleted."""
        return self.disabled_at is None and self.deleted_at is None

    @property
    def auth_methods(self) -> tuple[str, ...]:
        """How it may authenticate: one that chose no method may use basic or post (contract 11.9)."""
        if self.token_endpoint_auth_method:
            return (self.token_endpoint_auth_method,)
        return ("none",) if self.public else ("client_secret_basic", "client_secret_post")

    def may_use(self, grant_type: str) -> bool:
        """Whether it registered this grant."""
        return grant_type in self.grant_types

    @property
    def verifiable(self) -> bool:
        """Whether consent may be remembered: another program cannot answer in its place (contract 11.11)."""
        return not self.public or all(uri.startswith("https://") for uri in self.redirect_uris)


def find(client_id: str) -> ClientFacts | None:
    """The client, disabled or deleted ones too, or None; no statement when warm."""
    return _cache.get(client_id)


def get(client_id: str) -> ClientFacts:
    """The client. Raises NotFound for an unknown or deleted one."""
    facts = find(client_id)
    if facts is None or facts.deleted_at is not None:
        raise NotFound("There is no such app.")
    return facts


def is_native(application_type: str, public: bool, uris: tuple[str, ...]) -> bool:
    """Whether any loopback port is accepted (contract 11.10)."""
    if application_type == "native":
        return True
    local = all(redirect_uris.is_loopback(uri) or redirect_uris.is_custom_scheme(uri) for uri in uris)
    return public and bool(uris) and local


def _load(client_id: str) -> ClientFacts | None:
    with database.autocommit() as connection:
        row = connection.execute(
            select(Client.__table__, User.role.label("owner_role"))
            .outerjoin(User, User.id == Client.owner_id)
            .where(Client.id == client_id)
        ).one_or_none()
        if row is None:
            return None
        secrets = connection.execute(
            select(ClientSecret.id, ClientSecret.digest, ClientSecret.expires_at, ClientSecret.revoked_at)
            .where(ClientSecret.client_id == client_id, ClientSecret.revoked_at.is_(None))
            .order_by(ClientSecret.created_at.desc())
        ).all()
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in row._mapping.items()}
    # A client of nobody was made on the command line, which may do everything.
    role = values.pop("owner_role") or "admin"
    for name in ("scopes", "default_scopes", "optional_scopes"):
        values[name] = scopes.held_by(role, values[name])
    native = is_native(values["application_type"], values["public"], values["redirect_uris"])
    facts = {field.name: values[field.name] for field in dataclasses.fields(ClientFacts) if field.name in values}
    return ClientFacts(**facts, secrets=tuple(SecretFacts(**each._mapping) for each in secrets), native=native)


_cache = cache.Cache[ClientFacts | None]("clients", _load)
