"""What happened in an hour, counted in batches."""

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class UsageCount(Base):
    __tablename__ = "usage_counts"
    __table_args__ = (Index("ix_usage_counts_subject", "subject", "metric", "hour"),)

    hour: Mapped[int] = mapped_column(BigInteger, primary_key=True)  # epoch seconds of its start
    metric: Mapped[str] = mapped_column(String(40), primary_key=True)  # tokens, refusals, introspections, sign_ins …
    subject: Mapped[str] = mapped_column(String(100), primary_key=True)  # client:…, user:…, key:…, or empty
    count: Mapped[int] = mapped_column(BigInteger)
    sample: Mapped[bool] = mapped_column(default=False)  # made by the demo
