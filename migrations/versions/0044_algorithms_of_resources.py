"""What signs access tokens for an API: RS256 where it wants that (RFC 9068 section 2.1)."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0044"
down_revision: str | None = "0043"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("resources", sa.Column("access_token_alg", sa.String(10), nullable=True))


def downgrade() -> None:
    op.drop_column("resources", "access_token_alg")
