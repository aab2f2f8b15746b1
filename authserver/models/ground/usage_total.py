"""What happened in an hour to all subjects together: what pages about everybody add up."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class UsageTotal(Base):
    __tablename__ = "usage_totals"

    hour: Mapped[int] = mapped_column(BigInteger, primary_key=True)  # epoch seconds of its start
    metric: Mapped[str] = mapped_column(String(40), primary_key=True)  # as in usage_counts
    sample: Mapped[bool] = mapped_column(primary_key=True, default=False)  # made by the demo
    count: Mapped[int] = mapped_column(BigInteger)
