"""Until when a former owner's secrets open an app, and whose they are; with which credential an app was offered."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0020"
down_revision: str | None = "0019"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("clients", sa.Column("shared_until", sa.BigInteger(), nullable=True))
    op.add_column("clients", sa.Column("former_owner_id", sa.String(32), nullable=True))
    op.add_column("client_transfers", sa.Column("offered_with", sa.String(64), server_default="", nullable=False))
    op.create_index(op.f("ix_clients_former_owner_id"), "clients", ["former_owner_id"])


def downgrade() -> None:
    op.drop_column("client_transfers", "offered_with")
    op.drop_index(op.f("ix_clients_former_owner_id"), "clients")
    op.drop_column("clients", "former_owner_id")
    op.drop_column("clients", "shared_until")
