"""Which program sent a refused request, so that its owner reads what mends it there."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0019"
down_revision: str | None = "0018"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("refusals", sa.Column("user_agent", sa.String(200), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("refusals", "user_agent")
