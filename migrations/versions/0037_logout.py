"""Sign-ins that go on over several sessions, and the apps that are told when one ends."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0037"
down_revision: str | None = "0036"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


_URIS = ("backchannel_logout_uri", "frontchannel_logout_uri")
_FLAGS = ("backchannel_logout_session_required", "frontchannel_logout_session_required")


def upgrade() -> None:
    with op.batch_alter_table("sessions") as table:
        table.add_column(sa.Column("series", sa.String(32), nullable=True))
    op.execute("UPDATE sessions SET series = id")
    with op.batch_alter_table("sessions") as table:
        table.alter_column("series", existing_type=sa.String(32), nullable=False)
        table.create_index(op.f("ix_sessions_series"), ["series"])
    with op.batch_alter_table("clients") as table:
        table.add_column(sa.Column("backchannel_logout_uri", sa.String(2000), nullable=False, server_default=""))
        table.add_column(sa.Column("frontchannel_logout_uri", sa.String(2000), nullable=False, server_default=""))
        for name in _FLAGS:
            table.add_column(sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("clients") as table:
        for name in _URIS:
            table.alter_column(name, existing_type=sa.String(2000), server_default=None)
        for name in _FLAGS:
            table.alter_column(name, existing_type=sa.Boolean(), server_default=None)
    op.create_table(
        "logout_notices",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("client_id", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("session_id", sa.String(32), nullable=False),
        sa.Column("channel", sa.String(10), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["clients.id"], name=op.f("fk_logout_notices_client_id_clients"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_logout_notices_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logout_notices")),
    )
    for column in ("client_id", "session_id", "created_at", "next_at"):
        op.create_index(op.f(f"ix_logout_notices_{column}"), "logout_notices", [column])
    op.create_index("ix_logout_notices_of_user", "logout_notices", ["user_id", "created_at", "id"])


def downgrade() -> None:
    op.drop_table("logout_notices")
    with op.batch_alter_table("clients") as table:
        for name in (*_FLAGS, *_URIS):
            table.drop_column(name)
    with op.batch_alter_table("sessions") as table:
        table.drop_index(op.f("ix_sessions_series"))
        table.drop_column("series")
