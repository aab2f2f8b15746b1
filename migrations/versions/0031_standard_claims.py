"""What people tell of themselves, beside names and email (OpenID Connect Core 5.1)."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0031"
down_revision: str | None = "0030"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_SCOPES = sa.table("scopes", sa.column("name", sa.String()), sa.column("title", sa.String()))
_BEFORE, _NOW = "See your name", "See your name and what your profile tells"


def upgrade() -> None:
    op.add_column("users", sa.Column("standard_claims", sa.JSON(), nullable=False, server_default="{}"))
    _rename(_BEFORE, _NOW)


def downgrade() -> None:
    _rename(_NOW, _BEFORE)
    op.drop_column("users", "standard_claims")


def _rename(before: str, now: str) -> None:
    """The sentence of the scope, unless an administrator wrote another."""
    op.execute(_SCOPES.update().where(_SCOPES.c.name == "profile", _SCOPES.c.title == before).values(title=now))
