"""A link that proves something once: welcome, password reset, address, demo sign-in."""

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class OneTimeLink(Base):
    __tablename__ = "one_time_links"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(20))  # welcome, reset, verify, sign_in
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    email: Mapped[str] = mapped_column(String(254))  # the address it was made for: a changed one kills the link
    mailed: Mapped[bool] = mapped_column(default=False)  # it went to that address alone, so that using it proves it
    made_by: Mapped[str] = mapped_column(String(100), default="")  # who handed it out; empty for mailed ones
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)
    used_at: Mapped[int | None] = mapped_column(BigInteger)
