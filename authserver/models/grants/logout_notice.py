"""An app that is told that a sign-in ended, and what it answered (OpenID Connect Back-Channel Logout 1.0)."""

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class LogoutNotice(Base):
    __tablename__ = "logout_notices"
    __table_args__ = (Index("ix_logout_notices_of_user", "user_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("clients.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    session_id: Mapped[str] = mapped_column(String(32), index=True)  # the `sid` that the app knows
    channel: Mapped[str] = mapped_column(String(10))  # back, front
    state: Mapped[str] = mapped_column(String(10))  # pending, delivered, failed; front: shown
    created_at: Mapped[int] = mapped_column(BigInteger, index=True)
    next_at: Mapped[int | None] = mapped_column(BigInteger, index=True)  # NULL: nothing is left to send
    attempts: Mapped[int] = mapped_column(default=0)
    answered_at: Mapped[int | None] = mapped_column(BigInteger)
    status: Mapped[int | None] = mapped_column()  # of the last answer
    error: Mapped[str] = mapped_column(String(200), default="")  # why there was none
