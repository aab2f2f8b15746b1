"""When a person was deleted."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("users", sa.Column("deleted_at", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_users_deleted_at"), "users", ["deleted_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_users_deleted_at"), "users")
    op.drop_column("users", "deleted_at")
