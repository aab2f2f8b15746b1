"""An API key: its digest, its level, its owner."""

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base, only


class ApiKey(Base):
    __tablename__ = "api_keys"
    __table_args__ = (
        Index("ix_api_keys_listed", "created_at", "id"),
        Index("ix_api_keys_owned", "owner_id", "created_at", "id"),
        Index("ix_api_keys_revoked", "created_at", "id", **only("revoked_at IS NOT NULL")),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    hint: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(100))
    note: Mapped[str] = mapped_column(String(300), default="")
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    permission: Mapped[str] = mapped_column(String(20))  # read_only, read_write, full_access
    rate_limit: Mapped[str | None] = mapped_column(String(30))  # NULL: the setting
    # The bucket that its requests are counted in, where a credential with a limit of its own made it; empty: its own.
    counted_with: Mapped[str] = mapped_column(String(140), default="", server_default="")
    # What of `scopes.PERSONAL` it is told of its owner where an app's token made it. NULL: everything.
    knows: Mapped[str | None] = mapped_column(String(60))
    # The scopes that its level had then, where an app's token made it: what it is given later it does not get.
    within: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    allowed_networks: Mapped[list[str]] = mapped_column(JSON, default=list)
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int | None] = mapped_column(BigInteger)
    revoked_at: Mapped[int | None] = mapped_column(BigInteger)
    rotated_to: Mapped[str | None] = mapped_column(String(32))  # id of the key that replaces this one
    reminded_days: Mapped[int | None] = mapped_column()  # the owner knows that it expires within so many days
    last_used_at: Mapped[int | None] = mapped_column(BigInteger)
    last_used_ip: Mapped[str] = mapped_column(String(45), default="")
