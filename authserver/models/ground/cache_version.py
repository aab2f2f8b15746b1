"""How often each kind of cached thing changed: read at most once a second."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class CacheVersion(Base):
    __tablename__ = "cache_versions"

    name: Mapped[str] = mapped_column(
        String(20), primary_key=True
    )  # clients, scopes, signing_keys, permissions, routes
    version: Mapped[int] = mapped_column(BigInteger)
