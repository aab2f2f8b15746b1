"""What a person once allowed an app; asked again only for what is new."""

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class Consent(Base):
    __tablename__ = "consents"
    __table_args__ = (Index("ix_consents_user_client", "user_id", "client_id", unique=True),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    client_id: Mapped[str] = mapped_column(ForeignKey("clients.id", ondelete="CASCADE"), index=True)
    # Scopes by resource ("" where none was asked for): what is allowed at one API is not allowed at another.
    granted: Mapped[dict[str, list[str]]] = mapped_column(JSON)
    granted_at: Mapped[int] = mapped_column(BigInteger)  # first time
    updated_at: Mapped[int] = mapped_column(BigInteger)
    revoked_at: Mapped[int | None] = mapped_column(BigInteger)

    @property
    def scopes(self) -> list[str]:
        return list(dict.fromkeys(name for names in self.granted.values() for name in names))

    @property
    def resources(self) -> list[str]:
        return [resource for resource in self.granted if resource]
