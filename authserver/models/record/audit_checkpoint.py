"""A signed point of the audit chain: after a purge, verification starts there."""

from sqlalchemy import BigInteger, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class AuditCheckpoint(Base):
    __tablename__ = "audit_checkpoints"

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hash: Mapped[str] = mapped_column(String(64))
    at_us: Mapped[int] = mapped_column(BigInteger)
    purged: Mapped[bool] = mapped_column(default=False)  # everything up to here was cut away
    verified_at_us: Mapped[int | None] = mapped_column(BigInteger)  # the chain was read and found sound up to here
    signature: Mapped[bytes] = mapped_column(LargeBinary(32))
