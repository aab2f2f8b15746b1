"""A browser that signed an account in before: throttling of others does not lock it out."""

from sqlalchemy import BigInteger, ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class KnownDevice(Base):
    __tablename__ = "known_devices"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)  # of the cookie's value
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    seen_at: Mapped[int] = mapped_column(BigInteger)
