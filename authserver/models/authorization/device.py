"""A device that waits for a person to allow it elsewhere (RFC 8628); a used one is kept, so that a replay is known."""

from sqlalchemy import JSON, BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class DeviceAuthorization(Base):
    __tablename__ = "device_authorizations"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)  # of the device code
    user_code: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)  # keyed digest of what the person types
    client_id: Mapped[str] = mapped_column(ForeignKey("clients.id", ondelete="CASCADE"), index=True)
    scopes: Mapped[list[str]] = mapped_column(JSON)
    scope_asked: Mapped[bool] = mapped_column(default=True)  # False: the app did not say what it needs
    resources: Mapped[list[str]] = mapped_column(JSON, default=list)
    code_challenge: Mapped[str | None] = mapped_column(String(43))
    ip: Mapped[str] = mapped_column(String(45), default="")  # where the device asked from, for the person's eyes
    user_agent: Mapped[str] = mapped_column(String(400), default="")
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)
    pause: Mapped[int] = mapped_column(BigInteger)  # seconds between two polls; grows when they come too early
    due_us: Mapped[int] = mapped_column(BigInteger)  # when the next poll may come at the earliest
    early: Mapped[bool] = mapped_column(default=False)  # whether the last one came before that
    user_id: Mapped[str | None] = mapped_column(String(32))  # who is being asked, set when the page shows it
    answered_at: Mapped[int | None] = mapped_column(BigInteger)
    answer: Mapped[str | None] = mapped_column(String(10))  # allow, deny
    grant_id: Mapped[str | None] = mapped_column(ForeignKey("grants.id", ondelete="CASCADE"), index=True)
    used_us: Mapped[int | None] = mapped_column(BigInteger)  # microseconds: a lost race is told from a replay
