"""The line of time that the processes of a machine go by on SQLite: the steady clock and an offset."""

from sqlalchemy import BigInteger, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class MachineClock(Base):
    __tablename__ = "machine_clocks"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    boot: Mapped[str] = mapped_column(String(40))  # the run of the machine in which its steady clock is this one
    offset_us: Mapped[int] = mapped_column(BigInteger)
    seen_us: Mapped[int] = mapped_column(BigInteger)  # by the steady clock; 0: whoever kept it has ended
