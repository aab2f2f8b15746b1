"""Whose mail it is: what went to an earlier address is erased with its person, too."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0018"
down_revision: str | None = "0017"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("mails", sa.Column("user_id", sa.String(32), nullable=True))
    op.create_index(op.f("ix_mails_user_id"), "mails", ["user_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_mails_user_id"), "mails")
    op.drop_column("mails", "user_id")
