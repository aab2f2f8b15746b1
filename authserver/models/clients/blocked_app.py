"""What no app that registers itself may be: a host it leads to, a name it calls itself, or one of them by its id."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class BlockedApp(Base):
    __tablename__ = "blocked_apps"

    kind: Mapped[str] = mapped_column(String(10), primary_key=True)  # host, name, id
    value: Mapped[str] = mapped_column(String(255), primary_key=True)  # folded, as it is compared
    created_at: Mapped[int] = mapped_column(BigInteger)
    created_by: Mapped[str] = mapped_column(String(64), default="")
