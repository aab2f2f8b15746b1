"""An authorization code; a used one is kept, so that a replay is known for what it is."""

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class AuthorizationCode(Base):
    __tablename__ = "authorization_codes"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    grant_id: Mapped[str] = mapped_column(ForeignKey("grants.id", ondelete="CASCADE"), index=True)
    client_id: Mapped[str] = mapped_column(String(64))
    redirect_uri: Mapped[str] = mapped_column(String(2000))
    redirect_uri_sent: Mapped[bool] = mapped_column(default=True)
    code_challenge: Mapped[str | None] = mapped_column(String(43))
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)
    used_us: Mapped[int | None] = mapped_column(BigInteger)  # microseconds: a lost race is told from a replay
