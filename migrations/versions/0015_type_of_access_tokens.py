"""An API can ask for access tokens whose header says JWT."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("resources", sa.Column("access_token_typ", sa.String(10), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("resources") as table:
        table.drop_column("access_token_typ")
