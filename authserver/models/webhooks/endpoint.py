"""A webhook endpoint: where events go, what signs them, how it is doing, and which worker has it."""

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class WebhookEndpoint(Base):
    __tablename__ = "webhook_endpoints"
    __table_args__ = (Index("ix_webhook_endpoints_listed", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    url: Mapped[str] = mapped_column(String(2000))
    events: Mapped[list[str]] = mapped_column(JSON, default=list)  # types; "*" for all, also those of later versions
    everybody: Mapped[bool] = mapped_column(default=False)  # all people's events, while the owner is an administrator
    # Whether it is told who did something, and from where: not where an app set it up that may not read that itself.
    addresses: Mapped[bool] = mapped_column(default=True)
    headers_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)  # JSON; they may hold a password
    signature_header: Mapped[str] = mapped_column(String(80))  # with the brand of the day it was made
    secret_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    secret_made_at: Mapped[int] = mapped_column(BigInteger)
    old_secret_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    old_secret_ends_at: Mapped[int | None] = mapped_column(BigInteger)
    draft: Mapped[bool] = mapped_column(default=False)  # only tested, never saved
    created_at: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[int] = mapped_column(BigInteger)
    deleted_at: Mapped[int | None] = mapped_column(BigInteger)
    stopped_at: Mapped[int | None] = mapped_column(BigInteger)  # NULL: events are sent
    stopped_because: Mapped[str] = mapped_column(String(20), default="")  # paused, failing, gone
    failing_since: Mapped[int | None] = mapped_column(BigInteger)
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    warned_at: Mapped[int | None] = mapped_column(BigInteger)  # the owner knows that it has been failing for a day
    held_until: Mapped[int] = mapped_column(BigInteger, default=0)  # nothing that is due is sent before
    probe_at: Mapped[int | None] = mapped_column(BigInteger)  # then anything is tried, due or not
    last_attempt_at: Mapped[int | None] = mapped_column(BigInteger)
    last_ms: Mapped[int] = mapped_column(default=0)
    leased_until: Mapped[int] = mapped_column(BigInteger, default=0)
    leased_by: Mapped[str] = mapped_column(String(140), default="")
