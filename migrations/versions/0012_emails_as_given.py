"""Emails are kept as given and compared by a key; links know whether they were mailed."""

from collections import defaultdict
from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from authserver.errors import Conflict
from authserver.lib import emails

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_USERS = sa.table(
    "users", sa.column("id", sa.String()), sa.column("email", sa.String()), sa.column("email_key", sa.String())
)


def upgrade() -> None:
    keys = {row.id: _key(row.email) for row in op.get_bind().execute(sa.select(_USERS.c.id, _USERS.c.email))}
    _report(keys)
    op.add_column("users", sa.Column("email_key", sa.String(length=254), nullable=True))
    for user_id, key in keys.items():
        op.execute(_USERS.update().where(_USERS.c.id == user_id).values(email_key=key))
    with op.batch_alter_table("users") as table:
        table.alter_column("email_key", existing_type=sa.String(length=254), nullable=False)
        table.create_unique_constraint("uq_users_email_key", ["email_key"])
    op.add_column("one_time_links", sa.Column("mailed", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("one_time_links", "mailed")
    with op.batch_alter_table("users") as table:
        table.drop_constraint("uq_users_email_key", type_="unique")
        table.drop_column("email_key")


def _key(email: str) -> str:
    try:
        return emails.normalise(email)
    except ValueError:  # the rules of before took it
        return email


def _report(keys: dict[str, str]) -> None:
    """Nobody's account becomes somebody else's: who is meant by one address is for an administrator to say."""
    same = defaultdict(list)
    for user_id, key in keys.items():
        same[key].append(user_id)
    found = "; ".join(f"{key}: {', '.join(sorted(ids))}" for key, ids in sorted(same.items()) if len(ids) > 1)
    if found:
        raise Conflict(
            f"Accounts whose addresses are the same by the rules of this version: {found}."
            " Change or delete all but one of each with the version that you have, and migrate again."
        )
