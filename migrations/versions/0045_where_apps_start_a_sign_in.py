"""Apps say where somebody else sends people who are to sign in at them (OpenID Connect Registration 1.0, section 2)."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0045"
down_revision: str | None = "0044"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("clients", sa.Column("initiate_login_uri", sa.String(2000), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("clients", "initiate_login_uri")
