"""The schema says from which version on servers may go on with it: those of before a step need no stop."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0050"
down_revision: str | None = "0049"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
serves: str = "0050"


def upgrade() -> None:
    op.add_column("alembic_version", sa.Column("serves", sa.String(32), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("alembic_version", "serves")
