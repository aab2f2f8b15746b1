"""A browser in which somebody is signed in."""

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


def _own_id(context: Any) -> str:
    return str(context.get_current_parameters()["id"])


class SignInSession(Base):
    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)  # shown on pages, opens nothing
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)  # SHA-256 of the cookie
    # The id of the first of those that went on from it: its own, unless it replaced one.
    series: Mapped[str] = mapped_column(String(32), index=True, default=_own_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[int] = mapped_column(BigInteger)
    auth_time: Mapped[int] = mapped_column(BigInteger)  # last proof of who it is, seconds
    amr: Mapped[list[str]] = mapped_column(JSON)
    seen_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger)  # absolute end
    ended_at: Mapped[int | None] = mapped_column(BigInteger)
    ip: Mapped[str] = mapped_column(String(45), default="")
    user_agent: Mapped[str] = mapped_column(String(400), default="")
