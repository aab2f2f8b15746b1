"""A single-use JWT that was used, at one verifier; kept until nobody would accept it any more."""

from sqlalchemy import BigInteger, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class UsedJti(Base):
    __tablename__ = "used_jtis"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)  # of client, verifier and jti
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)
