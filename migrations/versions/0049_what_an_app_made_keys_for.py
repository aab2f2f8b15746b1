"""A key that an app made has no more than its level had then; those of before, no more than theirs has now."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0049"
down_revision: str | None = "0048"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

KEYS = sa.table(
    "api_keys", sa.column("permission", sa.String), sa.column("knows", sa.String), sa.column("within", sa.JSON)
)
LEVELS = sa.table("permission_levels", sa.column("name", sa.String), sa.column("scopes", sa.JSON))


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("within", sa.JSON()))
    made_by_apps = sa.update(KEYS).where(KEYS.c.knows.is_not(None))
    for name, scopes in op.get_bind().execute(sa.select(LEVELS.c.name, LEVELS.c.scopes)).all():
        op.get_bind().execute(made_by_apps.where(KEYS.c.permission == name).values(within=scopes))


def downgrade() -> None:
    op.drop_column("api_keys", "within")
