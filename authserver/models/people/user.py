"""A person who signs in."""

from __future__ import annotations

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.extensions import Base


class User(Base):
    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)  # the `sub` of tokens, never reused
    email: Mapped[str] = mapped_column(String(254), unique=True)  # normalised, see lib.emails
    name: Mapped[str] = mapped_column(String(200), default="")
    role: Mapped[str] = mapped_column(String(10), default="user")  # user, admin
    password_hash: Mapped[str | None] = mapped_column(String(255))
    password_changed_at: Mapped[int | None] = mapped_column(BigInteger)
    email_verified_at: Mapped[int | None] = mapped_column(BigInteger)
    tokens_not_before: Mapped[int] = mapped_column(BigInteger, default=0)  # tokens issued before are dead
    disabled_at: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[int] = mapped_column(BigInteger)
    last_login_at: Mapped[int | None] = mapped_column(BigInteger)

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    @property
    def initials(self) -> str:
        words = (self.name or self.email).replace("@", " ").split()
        return "".join(word[0] for word in words[:2]).upper()
