"""A mail that was given up can be sent again for three days."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0047"
down_revision: str | None = "0046"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("mails", sa.Column("body_sealed", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("mails", "body_sealed")
