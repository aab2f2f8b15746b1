"""A key pair that signs tokens; the private half is sealed."""

from typing import Any

from sqlalchemy import JSON, BigInteger, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class SigningKey(Base):
    __tablename__ = "signing_keys"

    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    alg: Mapped[str] = mapped_column(String(10))
    public_jwk: Mapped[dict[str, Any]] = mapped_column(JSON)
    private_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[int] = mapped_column(BigInteger)  # published from here on
    active_at: Mapped[int] = mapped_column(BigInteger)  # signs from here on
    retired_at: Mapped[int | None] = mapped_column(BigInteger)  # signs no more
    removed_at: Mapped[int | None] = mapped_column(BigInteger)  # published no more, nothing it signed is good
