"""The `jti` of an access token that was revoked before its time, kept until it would have expired."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class RevokedToken(Base):
    __tablename__ = "revoked_tokens"

    jti: Mapped[str] = mapped_column(String(80), primary_key=True)
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)
