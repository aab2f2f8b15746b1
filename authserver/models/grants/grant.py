"""What a person allowed one app in one sign-in: every token of it lives and dies with it."""

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class Grant(Base):
    __tablename__ = "grants"
    __table_args__ = (
        Index("ix_grants_listed", "created_at", "id"),
        Index("ix_grants_of_user", "user_id", "created_at", "id"),
        Index("ix_grants_of_client", "client_id", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("clients.id", ondelete="CASCADE"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    subject: Mapped[str | None] = mapped_column(String(32))  # what its app knows the person by; NULL: their id
    session_id: Mapped[str | None] = mapped_column(String(32), index=True)
    sid: Mapped[str | None] = mapped_column(String(32))  # what its app knows that session by; NULL: its id
    scopes: Mapped[list[str]] = mapped_column(JSON)
    resources: Mapped[list[str]] = mapped_column(JSON, default=list)
    auth_time: Mapped[int] = mapped_column(BigInteger)
    amr: Mapped[list[str]] = mapped_column(JSON, default=list)
    nonce: Mapped[str | None] = mapped_column(Text)
    # Claims that were asked one by one, and allowed: their names by place (userinfo, id_token).
    requested_claims: Mapped[dict[str, list[str]]] = mapped_column(JSON, default=dict)
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)  # absolute end of the refresh family
    last_used_at: Mapped[int | None] = mapped_column(BigInteger)
    revoked_at: Mapped[int | None] = mapped_column(BigInteger)
    revoked_because: Mapped[str] = mapped_column(String(40), default="")
