"""One refresh token of a family; the family is the grant."""

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class RefreshToken(Base):
    __tablename__ = "refresh_tokens"
    # Each is changed once, when it is spent: its migration leaves room beside it, so that no index is touched (decision
    # 18). As an option of this class it would import PostgreSQL's dialect into every command.

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    grant_id: Mapped[str] = mapped_column(ForeignKey("grants.id", ondelete="CASCADE"), index=True)
    client_id: Mapped[str] = mapped_column(String(64))
    issued_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)  # idle end, never beyond the grant's
    used_us: Mapped[int | None] = mapped_column(BigInteger)
    successor: Mapped[bytes | None] = mapped_column(LargeBinary(32))  # digest of the next one
    successor_sealed: Mapped[bytes | None] = mapped_column(LargeBinary(160))  # opens with this token alone
