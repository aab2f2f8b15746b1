"""A refused request, for the owner of the client or key that made it."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Index, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class Refusal(Base):
    __tablename__ = "refusals"
    __table_args__ = (
        Index("ix_refusals_credential_at", "credential", "at"),
        Index("ix_refusals_listed", "at", "request_id"),
        Index("ix_refusals_of_client", "client_id", "at", "request_id"),
        Index("ix_refusals_of_key", "key_id", "at", "request_id"),
        Index("ix_refusals_of_owner", "owner_id", "at", "request_id"),
    )

    request_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(20))  # authorize, token, introspection, gateway, api
    code: Mapped[str] = mapped_column(String(60))
    message: Mapped[str] = mapped_column(String(300), default="")
    status: Mapped[int] = mapped_column(SmallInteger)
    credential: Mapped[str] = mapped_column(String(100))  # key:… client:… user:…, what is counted
    client_id: Mapped[str | None] = mapped_column(String(64))
    key_id: Mapped[str | None] = mapped_column(String(32))
    owner_id: Mapped[str | None] = mapped_column(String(32))  # the person; the client's owner may look too
    ip: Mapped[str] = mapped_column(String(45), default="")
    user_agent: Mapped[str] = mapped_column(String(200), default="", server_default="")  # of a program, never a browser
    checks: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
