"""When something that has to be done now and then was last done to its end, by whichever process."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class LastRun(Base):
    __tablename__ = "last_runs"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    ended_at: Mapped[int] = mapped_column(BigInteger)
