"""An app's own word on PKCE can be that it has none: then the setting decides."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_CLIENTS = sa.table("clients", sa.column("require_pkce", sa.Boolean()))


def upgrade() -> None:
    with op.batch_alter_table("clients") as table:
        table.alter_column("require_pkce", existing_type=sa.Boolean(), nullable=True)
    # Every row says true today, because that was the default: nobody chose it.
    op.execute(_CLIENTS.update().where(_CLIENTS.c.require_pkce).values(require_pkce=None))


def downgrade() -> None:
    op.execute(_CLIENTS.update().where(_CLIENTS.c.require_pkce.is_(None)).values(require_pkce=True))
    with op.batch_alter_table("clients") as table:
        table.alter_column("require_pkce", existing_type=sa.Boolean(), nullable=False)
