"""Which row a change of a kind was about: what every cache may keep but for that."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class CacheChange(Base):
    __tablename__ = "cache_changes"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True)  # of its kind, as this change left it
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
