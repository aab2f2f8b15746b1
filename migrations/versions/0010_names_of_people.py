"""People get a username and the two parts of their name; apps say what ID tokens tell and which scopes they require."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_USERS = sa.table(
    "users",
    sa.column("username", sa.String()),
    sa.column("email", sa.String()),
    sa.column("updated_at", sa.BigInteger()),
    sa.column("created_at", sa.BigInteger()),
)
_CLIENTS = sa.table("clients", sa.column("id_token_claims", sa.Boolean()), sa.column("self_registered", sa.Boolean()))


def upgrade() -> None:
    op.add_column("users", sa.Column("username", sa.String(length=254), nullable=True))
    op.add_column("users", sa.Column("given_name", sa.String(length=100), nullable=False, server_default=""))
    op.add_column("users", sa.Column("family_name", sa.String(length=100), nullable=False, server_default=""))
    op.add_column("users", sa.Column("updated_at", sa.BigInteger(), nullable=False, server_default="0"))
    # The whole address is unique already, and nobody of today knows another name.
    op.execute(_USERS.update().values(username=_USERS.c.email, updated_at=_USERS.c.created_at))
    with op.batch_alter_table("users") as table:
        table.alter_column("username", existing_type=sa.String(length=254), nullable=False)
        table.create_unique_constraint("uq_users_username", ["username"])
    op.create_table(
        "used_usernames",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_used_usernames"),
    )
    op.add_column("clients", sa.Column("required_scopes", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("clients", sa.Column("id_token_claims", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.execute(_CLIENTS.update().where(_CLIENTS.c.self_registered).values(id_token_claims=False))


def downgrade() -> None:
    for column in ("id_token_claims", "required_scopes"):
        op.drop_column("clients", column)
    op.drop_table("used_usernames")
    with op.batch_alter_table("users") as table:
        table.drop_constraint("uq_users_username", type_="unique")
        for column in ("updated_at", "family_name", "given_name", "username"):
            table.drop_column(column)
