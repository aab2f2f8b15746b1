"""Clients' own JWTs: their limits, their used identifiers, the keys fetched from their addresses."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    # With a default in the database, so that a worker of the release before still adds clients.
    op.add_column("clients", sa.Column("jwt_reuse", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("clients", sa.Column("rate_limit", sa.String(length=30), nullable=True))
    op.create_table(
        "used_jtis",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_used_jtis"),
    )
    op.create_index("ix_used_jtis_expires_at", "used_jtis", ["expires_at"], unique=False)
    op.create_table(
        "fetched_jwks",
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("uri", sa.String(length=2000), nullable=False),
        sa.Column("keys", sa.JSON(), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=True),
        sa.Column("tried_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["clients.id"], name="fk_fetched_jwks_client_id_clients", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("client_id", name="pk_fetched_jwks"),
    )


def downgrade() -> None:
    op.drop_table("fetched_jwks")
    op.drop_table("used_jtis")
    op.drop_column("clients", "rate_limit")
    op.drop_column("clients", "jwt_reuse")
