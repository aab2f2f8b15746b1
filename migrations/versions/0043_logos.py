"""Logos of apps, as this server made them anew."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0043"
down_revision: str | None = "0042"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("clients", sa.Column("logo_uri", sa.String(2000), nullable=False, server_default=""))
    op.add_column("clients", sa.Column("logo_digest", sa.String(64), nullable=False, server_default=""))
    op.create_table(
        "client_logos",
        sa.Column("client_id", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("png", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["clients.id"], name=op.f("fk_client_logos_client_id_clients"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_client_logos")),
    )
    op.create_index(op.f("ix_client_logos_digest"), "client_logos", ["digest"])


def downgrade() -> None:
    op.drop_table("client_logos")
    for column in ("logo_digest", "logo_uri"):
        op.drop_column("clients", column)
