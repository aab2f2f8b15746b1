"""Webhooks that apps set up for their people tell no more than the apps may read."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0041"
down_revision: str | None = "0040"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    # Who set those of before up is not known, and nodes of the version before write rows without it.
    op.add_column("webhook_endpoints", sa.Column("addresses", sa.Boolean(), nullable=False, server_default=sa.true()))


def downgrade() -> None:
    op.drop_column("webhook_endpoints", "addresses")
