"""Transfers of apps, which the new owner accepts, and the end of the former owner's keys."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "client_transfers",
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("to_id", sa.String(length=32), nullable=False),
        sa.Column("offered_by", sa.String(length=32), nullable=True),
        sa.Column("offered_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["clients.id"], name=op.f("fk_client_transfers_client_id_clients"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["to_id"], ["users.id"], name=op.f("fk_client_transfers_to_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_client_transfers")),
    )
    op.create_index(op.f("ix_client_transfers_to_id"), "client_transfers", ["to_id"])
    op.add_column("clients", sa.Column("keys_end_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("clients", "keys_end_at")
    op.drop_table("client_transfers")
