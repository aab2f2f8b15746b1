"""Pairwise subjects: which apps want them, what each person is called by whom, and what a sign-in calls them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0035"
down_revision: str | None = "0034"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("clients", sa.Column("subject_type", sa.String(10), nullable=False, server_default="public"))
    op.add_column("clients", sa.Column("sector_identifier_uri", sa.String(512), nullable=False, server_default=""))
    op.add_column("grants", sa.Column("subject", sa.String(32), nullable=True))
    op.create_table(
        "pairwise_subjects",
        sa.Column("subject", sa.String(32), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("sector", sa.String(255), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_pairwise_subjects_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_pairwise_subjects")),
        sa.UniqueConstraint("user_id", "sector", name="uq_pairwise_subjects_user_sector"),
    )


def downgrade() -> None:
    op.drop_table("pairwise_subjects")
    op.drop_column("grants", "subject")
    op.drop_column("clients", "sector_identifier_uri")
    op.drop_column("clients", "subject_type")
