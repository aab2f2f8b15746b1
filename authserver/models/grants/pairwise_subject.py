"""What a person is called towards the apps of one sector (OpenID Connect Core 8.1): random, and theirs for good."""

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class PairwiseSubject(Base):
    __tablename__ = "pairwise_subjects"
    __table_args__ = (UniqueConstraint("user_id", "sector", name="uq_pairwise_subjects_user_sector"),)

    subject: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    sector: Mapped[str] = mapped_column(String(255))  # a host
