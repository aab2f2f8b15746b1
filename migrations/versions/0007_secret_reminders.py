"""Owners are reminded of a client's old secret before it expires."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("client_secrets", sa.Column("reminded_days", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("client_secrets", "reminded_days")
