"""An app that somebody offered to another person, until that person accepts it."""

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class ClientTransfer(Base):
    __tablename__ = "client_transfers"

    client_id: Mapped[str] = mapped_column(ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True)
    to_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    offered_by: Mapped[str | None] = mapped_column(String(32))  # a person; NULL: a shell
    offered_with: Mapped[str] = mapped_column(String(64), default="", server_default="")  # key:<id>, app:<id>
    offered_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger)
