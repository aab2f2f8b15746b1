"""One request to an endpoint: what was sent, what came back."""

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class WebhookAttempt(Base):
    __tablename__ = "webhook_attempts"
    __table_args__ = (Index("ix_webhook_attempts_recent", "endpoint_id", "at"),)

    delivery_id: Mapped[str] = mapped_column(ForeignKey("webhook_deliveries.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 1
    endpoint_id: Mapped[str] = mapped_column(String(32))
    at: Mapped[int] = mapped_column(BigInteger)
    url: Mapped[str] = mapped_column(String(2000))
    headers: Mapped[dict[str, str]] = mapped_column(JSON)  # the endpoint's own ones masked
    body: Mapped[str] = mapped_column(Text)
    status: Mapped[int | None] = mapped_column()
    ms: Mapped[int | None] = mapped_column()
    error: Mapped[str] = mapped_column(String(200), default="")
    # Of what all the world can ask; of addresses that the operator opened the status alone is kept (C23).
    response_headers: Mapped[list[list[str]]] = mapped_column(JSON, default=list)
    response_body: Mapped[bytes | None] = mapped_column(LargeBinary)
