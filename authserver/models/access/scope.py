"""A scope: what may be done, in the words people read."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class Scope(Base):
    __tablename__ = "scopes"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    title: Mapped[str] = mapped_column(String(200))  # the sentence on the consent page
    cannot: Mapped[str] = mapped_column(String(300), default="")  # what it does not allow
    level: Mapped[str] = mapped_column(String(10), default="read")  # identity, read, write, full
    resource: Mapped[str | None] = mapped_column(ForeignKey("resources.identifier", ondelete="SET NULL"))
    self_service: Mapped[bool] = mapped_column(default=True)  # owners may give it to their clients
    admin_only: Mapped[bool] = mapped_column(default=False)  # only people with the role admin can hold it
    optional: Mapped[bool] = mapped_column(default=False)  # people may untick it
    builtin: Mapped[bool] = mapped_column(default=False)  # ours: cannot be deleted
    position: Mapped[int] = mapped_column(default=100)
