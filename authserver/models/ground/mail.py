"""A mail on its way, and after that the record that it left."""

from sqlalchemy import BigInteger, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class Mail(Base):
    __tablename__ = "mails"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str | None] = mapped_column(String(32), index=True)  # whose it is, whatever address they have later
    recipient: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)  # emptied once sent or given up, but in the demo: it may hold a link
    body_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)  # of one that was given up: it may be sent again
    created_at: Mapped[int] = mapped_column(BigInteger, index=True)
    next_attempt_at: Mapped[int | None] = mapped_column(BigInteger, index=True)  # NULL: nothing left to do
    attempts: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[int | None] = mapped_column(BigInteger)
    error: Mapped[str] = mapped_column(String(200), default="")
