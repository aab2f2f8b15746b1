"""One security fact; the rows form a hash chain."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class AuditEvent(Base):
    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_type", "type", "result", "seq"),
        Index("ix_audit_events_owner", "owner_id", "seq"),
        Index("ix_audit_events_client", "client_id", "seq"),
        Index("ix_audit_events_actor", "actor", "seq"),
        Index("ix_audit_events_target", "target", "seq"),
        Index("ix_audit_events_result", "result", "seq"),
    )

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at_us: Mapped[int] = mapped_column(BigInteger, index=True)  # microseconds, UTC
    type: Mapped[str] = mapped_column(String(60))
    actor: Mapped[str] = mapped_column(String(100))  # user:…, client:…, key:…, system, cli
    target: Mapped[str] = mapped_column(String(140))  # user:…, client:…, key:…, grant:…
    owner_id: Mapped[str | None] = mapped_column(String(32))  # whose history shows it
    client_id: Mapped[str | None] = mapped_column(String(64))
    result: Mapped[str] = mapped_column(String(10))  # ok, refused
    reason: Mapped[str] = mapped_column(String(200))
    ip: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(16))  # start of its SHA-256
    request_id: Mapped[str] = mapped_column(String(40), index=True)
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
