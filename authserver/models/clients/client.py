"""An OAuth client: an app, a job, an API."""

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base, only


class Client(Base):
    __tablename__ = "clients"
    __table_args__ = (
        Index("ix_clients_listed", "created_at", "id", **only("deleted_at IS NULL")),
        Index("ix_clients_owned", "owner_id", "created_at", "id"),
        Index("ix_clients_self_registered", "self_registered", "created_at", "id"),
        Index("ix_clients_kind", "kind", "created_at", "id", **only("deleted_at IS NULL")),
        Index("ix_clients_disabled", "created_at", "id", **only("disabled_at IS NOT NULL")),
        Index("ix_clients_deleted", "created_at", "id", **only("deleted_at IS NOT NULL")),
        Index("ix_clients_deleted_at", "deleted_at", **only("deleted_at IS NOT NULL")),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)  # client_id
    name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(20))  # web, spa, native, device, machine, resource_server
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    application_type: Mapped[str] = mapped_column(String(10), default="web")  # web, native
    public: Mapped[bool] = mapped_column(default=False)  # keeps no secret and cannot authenticate
    token_endpoint_auth_method: Mapped[str | None] = mapped_column(String(40))  # NULL: basic or post
    auth_signing_alg: Mapped[str | None] = mapped_column(String(10))  # of its assertions; NULL: any that is verified
    subject_type: Mapped[str] = mapped_column(String(10), default="public")  # public, pairwise
    sector_identifier_uri: Mapped[str] = mapped_column(String(512), default="")
    redirect_uris: Mapped[list[str]] = mapped_column(JSON, default=list)
    post_logout_redirect_uris: Mapped[list[str]] = mapped_column(JSON, default=list)
    backchannel_logout_uri: Mapped[str] = mapped_column(String(2000), default="")  # told when a sign-in ends
    backchannel_logout_session_required: Mapped[bool] = mapped_column(default=False)  # said back; `sid` always comes
    frontchannel_logout_uri: Mapped[str] = mapped_column(String(2000), default="")  # loaded in a frame at sign-out
    frontchannel_logout_session_required: Mapped[bool] = mapped_column(default=False)  # said back; `sid` always comes
    allowed_cors_origins: Mapped[list[str]] = mapped_column(JSON, default=list)
    grant_types: Mapped[list[str]] = mapped_column(JSON, default=list)
    response_modes: Mapped[list[str]] = mapped_column(JSON, default=list)  # empty: all of them
    scopes: Mapped[list[str]] = mapped_column(JSON, default=list)  # what it may ever have
    default_scopes: Mapped[list[str]] = mapped_column(JSON, default=list)  # what it gets when it asks for none
    optional_scopes: Mapped[list[str]] = mapped_column(JSON, default=list)  # what people may untick
    required_scopes: Mapped[list[str]] = mapped_column(JSON, default=list)  # what people may not untick
    resources: Mapped[list[str]] = mapped_column(JSON, default=list)  # what it may ask tokens for
    resource_server_for: Mapped[list[str]] = mapped_column(JSON, default=list)  # the APIs it is
    introspect_all: Mapped[bool] = mapped_column(default=False)
    require_pkce: Mapped[bool | None] = mapped_column()  # NULL: the setting; false: its software can send neither
    skip_consent: Mapped[bool] = mapped_column(default=False)
    access_token_format: Mapped[str] = mapped_column(String(10), default="jwt")  # jwt, opaque
    access_token_ttl: Mapped[int | None] = mapped_column(BigInteger)  # NULL: the setting
    id_token_alg: Mapped[str] = mapped_column(String(10), default="RS256")
    userinfo_alg: Mapped[str | None] = mapped_column(String(10))  # NULL: userinfo answers in JSON
    introspection_alg: Mapped[str] = mapped_column(String(10), default="RS256")
    default_max_age: Mapped[int | None] = mapped_column(BigInteger)  # where a request has no max_age, seconds
    require_auth_time: Mapped[bool] = mapped_column(default=False)  # said back; every ID token has `auth_time`
    default_acr_values: Mapped[list[str]] = mapped_column(JSON, default=list)  # where it has no acr_values
    id_token_claims: Mapped[bool] = mapped_column(default=True)  # ID tokens say what userinfo says
    request_uris: Mapped[list[str]] = mapped_column(JSON, default=list)  # where it publishes request objects
    request_object_alg: Mapped[str | None] = mapped_column(String(10))  # NULL: any that is signed; none: unsigned ones
    jwks: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    jwks_uri: Mapped[str | None] = mapped_column(String(2000))
    keys_end_at: Mapped[int | None] = mapped_column(BigInteger)  # those of a former owner work until then
    shared_until: Mapped[int | None] = mapped_column(BigInteger)  # a former owner's secrets work until then, too
    former_owner_id: Mapped[str | None] = mapped_column(String(32), index=True)  # whose, while they do
    jwt_reuse: Mapped[bool] = mapped_column(default=False)  # its own JWTs may be used more than once
    rate_limit: Mapped[str | None] = mapped_column(String(30))  # NULL: the setting
    homepage: Mapped[str] = mapped_column(String(2000), default="")
    initiate_login_uri: Mapped[str] = mapped_column(String(2000), default="")  # sends people back to sign in
    description: Mapped[str] = mapped_column(String(500), default="")
    logo_uri: Mapped[str] = mapped_column(String(2000), default="")
    logo_digest: Mapped[str] = mapped_column(String(64), default="")  # of the picture that was made of it
    policy_uri: Mapped[str] = mapped_column(String(2000), default="")
    tos_uri: Mapped[str] = mapped_column(String(2000), default="")
    contacts: Mapped[list[str]] = mapped_column(JSON, default=list)
    software_id: Mapped[str] = mapped_column(String(255), default="")  # what its maker calls it, in every copy
    software_version: Mapped[str] = mapped_column(String(255), default="")
    metadata_extra: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # other RFC 7591 members, kept as given
    self_registered: Mapped[bool] = mapped_column(default=False)  # nobody vouches for its name
    registration_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))  # of what changes it (RFC 7592)
    registered_with: Mapped[str | None] = mapped_column(String(32))  # the initial access token, if one was needed
    first_used_at: Mapped[int | None] = mapped_column(BigInteger)  # self-registered: NULL ones go after a day
    document_url: Mapped[str | None] = mapped_column(String(255))  # its client_id, where a document there describes it
    document_fetched_at: Mapped[int | None] = mapped_column(BigInteger)
    document_fresh_until: Mapped[int | None] = mapped_column(BigInteger)
    installation: Mapped[bool] = mapped_column(default=False)  # the installation's own: its privileges count
    tokens_not_before: Mapped[int] = mapped_column(BigInteger, default=0)
    tokens_epoch: Mapped[int] = mapped_column(default=0)  # how often all of its tokens were ended, see `token_ids`
    created_at: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int] = mapped_column(default=1)  # counts edits: a form made from an older one is refused
    disabled_at: Mapped[int | None] = mapped_column(BigInteger)
    disabled_by: Mapped[str] = mapped_column(String(40), default="")  # owner, admin: an owner cannot undo the latter
    deleted_at: Mapped[int | None] = mapped_column(BigInteger)  # restorable for seven days

    @property
    def enabled(self) -> bool:
        return self.disabled_at is None and self.deleted_at is None
