"""With what a key's requests are counted that a credential with a limit of its own made."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0024"
down_revision: str | None = "0023"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("counted_with", sa.String(140), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("api_keys", "counted_with")
