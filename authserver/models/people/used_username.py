"""A username that somebody gave up: nobody else ever gets it, so that no application takes one for the other."""

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class UsedUsername(Base):
    __tablename__ = "used_usernames"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)  # keyed: names of the past are not kept
    user_id: Mapped[str] = mapped_column(String(32))  # who may have it again; no reference, people can be deleted
