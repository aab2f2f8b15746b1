"""An opaque access token. JWTs have no row."""

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class AccessToken(Base):
    __tablename__ = "access_tokens"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    jti: Mapped[str] = mapped_column(String(80), unique=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("clients.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    grant_id: Mapped[str | None] = mapped_column(ForeignKey("grants.id", ondelete="CASCADE"), index=True)
    claims: Mapped[dict[str, Any]] = mapped_column(JSON)  # what the JWT would say
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)
