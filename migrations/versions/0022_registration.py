"""Apps that register themselves: what changes them, with which token they came, and when they were first used."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0022"
down_revision: str | None = "0021"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "registration_tokens",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("hint", sa.String(60), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registration_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_registration_tokens_digest")),
    )
    op.add_column("clients", sa.Column("registration_digest", sa.LargeBinary(32), nullable=True))
    op.add_column("clients", sa.Column("registered_with", sa.String(32), nullable=True))
    op.add_column("clients", sa.Column("first_used_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("clients", "first_used_at")
    op.drop_column("clients", "registered_with")
    op.drop_column("clients", "registration_digest")
    op.drop_table("registration_tokens")
