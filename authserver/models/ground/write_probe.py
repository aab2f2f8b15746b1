"""A row that is written again and again, only to prove that rows can be written."""

from sqlalchemy import BigInteger, Integer
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class WriteProbe(Base):
    __tablename__ = "write_probes"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    written_us: Mapped[int] = mapped_column(BigInteger)
