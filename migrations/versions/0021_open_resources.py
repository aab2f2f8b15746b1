"""APIs that apps which register themselves may ask for, and how long their tokens live."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0021"
down_revision: str | None = "0020"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("resources", sa.Column("access_token_ttl", sa.BigInteger(), nullable=True))
    op.add_column("resources", sa.Column("open", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    with op.batch_alter_table("resources") as table:
        table.drop_column("open")
        table.drop_column("access_token_ttl")
