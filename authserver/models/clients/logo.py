"""The logo of an app, as this server made it anew (contract 11.54)."""

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class ClientLogo(Base):
    __tablename__ = "client_logos"

    client_id: Mapped[str] = mapped_column(ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), index=True)  # SHA-256 of `png`, in hex: its address
    png: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[int] = mapped_column(BigInteger)
