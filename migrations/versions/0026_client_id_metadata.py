"""Apps that a document at their client id describes: its address, when it was read, and how long that is good."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0026"
down_revision: str | None = "0025"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("clients", sa.Column("document_url", sa.String(255), nullable=True))
    op.add_column("clients", sa.Column("document_fetched_at", sa.BigInteger(), nullable=True))
    op.add_column("clients", sa.Column("document_fresh_until", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("clients", "document_fresh_until")
    op.drop_column("clients", "document_fetched_at")
    op.drop_column("clients", "document_url")
