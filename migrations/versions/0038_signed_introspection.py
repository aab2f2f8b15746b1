"""With what introspection signs its answer for an app that asks for a JWT (RFC 9701)."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0038"
down_revision: str | None = "0037"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("clients", sa.Column("introspection_alg", sa.String(10), nullable=False, server_default="RS256"))


def downgrade() -> None:
    op.drop_column("clients", "introspection_alg")
