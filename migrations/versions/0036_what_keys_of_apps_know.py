"""What a key is told of its owner that an app's token made: no more than the token was."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0036"
down_revision: str | None = "0035"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("knows", sa.String(60), nullable=True))


def downgrade() -> None:
    op.drop_column("api_keys", "knows")
