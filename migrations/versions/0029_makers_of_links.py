"""Who made a one-time link by hand: it is good as long as that is an administrator."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0029"
down_revision: str | None = "0028"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("one_time_links", sa.Column("made_by", sa.String(100), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("one_time_links", "made_by")
