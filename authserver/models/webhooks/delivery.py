"""One event on its way to one endpoint, and after that the record of it."""

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class WebhookDelivery(Base):
    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "event_id"),
        Index("ix_webhook_deliveries_due", "endpoint_id", "next_at", "event_us"),
        Index("ix_webhook_deliveries_history", "endpoint_id", "event_us", "id"),
        Index("ix_webhook_deliveries_state", "endpoint_id", "state", "event_us", "id"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"))
    event_id: Mapped[str] = mapped_column(ForeignKey("webhook_events.id", ondelete="CASCADE"), index=True)
    event_us: Mapped[int] = mapped_column(BigInteger)  # when it happened: the order of sending
    test: Mapped[bool] = mapped_column(default=False)  # sent once, whatever comes of it
    state: Mapped[str] = mapped_column(String(10))  # pending, delivered, failed, missed (the endpoint was off)
    attempts: Mapped[int] = mapped_column(default=0)  # turns of the schedule that failed
    sends: Mapped[int] = mapped_column(default=0)  # all of them, probes and repetitions by hand included
    queued_at: Mapped[int] = mapped_column(BigInteger)  # the schedule's beginning
    next_at: Mapped[int | None] = mapped_column(BigInteger)  # NULL: nothing left to do; 0: before everything else
    finished_at: Mapped[int | None] = mapped_column(BigInteger)
    last_status: Mapped[int | None] = mapped_column()
    last_ms: Mapped[int | None] = mapped_column()
    last_error: Mapped[str] = mapped_column(String(200), default="")
