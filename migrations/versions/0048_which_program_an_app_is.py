"""Apps say with what they sign their assertions, which program they are, and that they need auth_time (RFC 7591)."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0048"
down_revision: str | None = "0047"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("clients", sa.Column("auth_signing_alg", sa.String(10)))
    op.add_column("clients", sa.Column("require_auth_time", sa.Boolean(), nullable=False, server_default=sa.false()))
    for name in ("software_id", "software_version"):
        op.add_column("clients", sa.Column(name, sa.String(255), nullable=False, server_default=""))


def downgrade() -> None:
    for name in ("software_version", "software_id", "require_auth_time", "auth_signing_alg"):
        op.drop_column("clients", name)
