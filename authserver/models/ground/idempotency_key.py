"""An Idempotency-Key that was used: what it was used for, and for a while the answer, sealed with the key itself."""

from sqlalchemy import BigInteger, LargeBinary, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class IdempotencyKey(Base):
    __tablename__ = "idempotency_keys"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)  # of credential, place and key
    request_digest: Mapped[bytes] = mapped_column(LargeBinary(32))  # of the body it came with
    status: Mapped[int | None] = mapped_column(SmallInteger)  # NULL while the first request runs
    answer_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)
