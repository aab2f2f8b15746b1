"""An API that tokens are for (RFC 8707)."""

from sqlalchemy import BigInteger, Boolean, ForeignKey, String, false
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class Resource(Base):
    __tablename__ = "resources"

    identifier: Mapped[str] = mapped_column(String(500), primary_key=True)  # absolute URI, the `aud`
    name: Mapped[str] = mapped_column(String(100))
    access_token_format: Mapped[str | None] = mapped_column(String(10))  # NULL: as the client says
    access_token_typ: Mapped[str | None] = mapped_column(String(10))  # a JWT's header; NULL: at+jwt (RFC 9068)
    access_token_alg: Mapped[str | None] = mapped_column(String(10))  # that signs its JWTs; NULL: ES256
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    private: Mapped[bool] = mapped_column(Boolean, server_default=false(), default=False)  # of an erased owner
    access_token_ttl: Mapped[int | None] = mapped_column(BigInteger)  # seconds; NULL: as the client says
    open: Mapped[bool] = mapped_column(
        Boolean, server_default=false(), default=False
    )  # to apps that register themselves
    open_rate_limit: Mapped[str | None] = mapped_column(String(30))  # of those apps of one person; NULL: the setting
    max_age: Mapped[int | None] = mapped_column(BigInteger)  # seconds since the person signed in; NULL: any
    acr_values: Mapped[str] = mapped_column(String(100), server_default="", default="")  # how surely; empty: anyhow
    created_at: Mapped[int] = mapped_column(BigInteger)
