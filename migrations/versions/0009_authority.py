"""The mark of the installation's own apps, whose privileges count."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("clients", sa.Column("installation", sa.Boolean(), nullable=False, server_default=sa.false()))
    # What the command line made for nobody; a registration by a program is nobody's, too.
    clients = sa.table("clients", sa.column("installation"), sa.column("owner_id"), sa.column("self_registered"))
    op.execute(
        clients.update()
        .where(clients.c.owner_id.is_(None), clients.c.self_registered == sa.false())
        .values(installation=sa.true())
    )
    with op.batch_alter_table("clients") as batch:
        batch.alter_column("installation", server_default=None)


def downgrade() -> None:
    op.drop_column("clients", "installation")
