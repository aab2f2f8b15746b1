"""Request objects: where apps publish them, how they sign them, and the mark under which one is used up."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0034"
down_revision: str | None = "0033"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("clients", sa.Column("request_uris", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("clients", sa.Column("request_object_alg", sa.String(10), nullable=True))
    op.add_column("authorization_requests", sa.Column("object_mark", sa.LargeBinary(32), nullable=True))
    op.add_column("authorization_requests", sa.Column("object_ends_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("authorization_requests") as table:
        table.drop_column("object_ends_at")
        table.drop_column("object_mark")
    op.drop_column("clients", "request_object_alg")
    op.drop_column("clients", "request_uris")
