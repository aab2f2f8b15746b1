"""The end of the audit chain: locked to append, signed so that it cannot be moved back."""

from sqlalchemy import BigInteger, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class AuditHead(Base):
    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # always 1
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))
    signature: Mapped[bytes] = mapped_column(LargeBinary(32))
    checkpoint_at_us: Mapped[int] = mapped_column(BigInteger)  # when the last checkpoint was made
