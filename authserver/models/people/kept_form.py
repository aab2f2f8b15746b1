"""What somebody typed into a form whose session had ended by time, until they are signed in again."""

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class KeptForm(Base):
    __tablename__ = "kept_forms"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)  # stands in an address, opens nothing by itself
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    browser: Mapped[bytes] = mapped_column(LargeBinary(32))  # SHA-256 of the mark of the browser that sent it
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # opens with that mark alone
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)
