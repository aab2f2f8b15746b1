"""What an API key of a level may do: a bundle of scopes, changeable by an administrator."""

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class PermissionLevel(Base):
    __tablename__ = "permission_levels"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    title: Mapped[str] = mapped_column(String(60))
    scopes: Mapped[list[str]] = mapped_column(JSON)
    position: Mapped[int] = mapped_column()
