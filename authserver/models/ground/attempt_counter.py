"""Failed attempts in a window, by what was tried or from where."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class AttemptCounter(Base):
    __tablename__ = "attempt_counters"

    bucket: Mapped[str] = mapped_column(String(120), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    window_ends_at: Mapped[int] = mapped_column(BigInteger, index=True)
