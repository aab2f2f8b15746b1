"""What requests ask of a sign-in: whose, of which class; and claims that are asked one by one (OIDC Core 5.5)."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0032"
down_revision: str | None = "0031"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("authorization_requests", sa.Column("subject", sa.String(255), nullable=True))
    op.add_column("authorization_requests", sa.Column("acr_values", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column(
        "authorization_requests", sa.Column("acr_essential", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("authorization_requests", sa.Column("claims", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("grants", sa.Column("requested_claims", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("grants", "requested_claims")
    with op.batch_alter_table("authorization_requests") as table:
        for column in ("claims", "acr_essential", "acr_values", "subject"):
            table.drop_column(column)
