"""The keys that a client publishes at its `jwks_uri`, as we last fetched them."""

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class FetchedJwks(Base):
    __tablename__ = "fetched_jwks"

    client_id: Mapped[str] = mapped_column(ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True)
    uri: Mapped[str] = mapped_column(String(2000))
    keys: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)  # those that we can use
    fetched_at: Mapped[int | None] = mapped_column(BigInteger)  # NULL: never with success
    tried_at: Mapped[int] = mapped_column(BigInteger)  # one try in 60 s, on all nodes together
