"""Something that happened and that somebody wants to be told, written with the change itself."""

from typing import Any

from sqlalchemy import JSON, BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class WebhookEvent(Base):
    __tablename__ = "webhook_events"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    type: Mapped[str] = mapped_column(String(60))
    at_us: Mapped[int] = mapped_column(BigInteger, index=True)
    owner_id: Mapped[str | None] = mapped_column(String(32))  # whose history shows it
    facts: Mapped[dict[str, Any]] = mapped_column(
        JSON
    )  # as the audit log has them; who reads them decides what goes out
