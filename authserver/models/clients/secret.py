"""A client's secret: its digest, and who may still be using it."""

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class ClientSecret(Base):
    __tablename__ = "client_secrets"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("clients.id", ondelete="CASCADE"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    hint: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[int] = mapped_column(BigInteger)
    created_by: Mapped[str] = mapped_column(String(64), default="")
    expires_at: Mapped[int | None] = mapped_column(BigInteger)  # set by a rotation: the end of the overlap
    revoked_at: Mapped[int | None] = mapped_column(BigInteger)
    reminded_days: Mapped[int | None] = mapped_column()  # the owner knows that it expires within so many days
    last_used_at: Mapped[int | None] = mapped_column(BigInteger)
    last_used_ip: Mapped[str] = mapped_column(String(45), default="")
