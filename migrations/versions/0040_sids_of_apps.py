"""A `sid` for each app: one for all let apps with pairwise subjects match their people."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0040"
down_revision: str | None = "0039"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    # What was told to apps stays so: grants of before, and of nodes of the version before, have none.
    op.add_column("grants", sa.Column("sid", sa.String(32), nullable=True))


def downgrade() -> None:
    op.drop_column("grants", "sid")
