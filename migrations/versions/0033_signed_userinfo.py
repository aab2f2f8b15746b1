"""Apps that want the answers of userinfo signed; and how they want people to sign in where a request does not say."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0033"
down_revision: str | None = "0032"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("clients", sa.Column("userinfo_alg", sa.String(10), nullable=True))
    op.add_column("clients", sa.Column("default_max_age", sa.BigInteger(), nullable=True))
    op.add_column("clients", sa.Column("default_acr_values", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    for column in ("default_acr_values", "default_max_age", "userinfo_alg"):
        op.drop_column("clients", column)
