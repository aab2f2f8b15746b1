"""What an API asks of sign-ins (RFC 9470), and how much apps may call it that registered themselves."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0042"
down_revision: str | None = "0041"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("resources", sa.Column("max_age", sa.BigInteger(), nullable=True))
    op.add_column("resources", sa.Column("acr_values", sa.String(100), nullable=False, server_default=""))
    op.add_column("resources", sa.Column("open_rate_limit", sa.String(30), nullable=True))


def downgrade() -> None:
    for column in ("open_rate_limit", "acr_values", "max_age"):
        op.drop_column("resources", column)
