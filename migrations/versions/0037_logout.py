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
    # Defaults of the database stay: nodes of the version before write rows without these columns, and SQLite would copy
    # the whole table to take one away.
    op.add_column("sessions", sa.Column("series", sa.String(32), nullable=False, server_default=""))
    op.execute("UPDATE sessions SET series = id")
    op.create_index(op.f("ix_sessions_series"), "sessions", ["series"])
    for name in _URIS:
        op.add_column("clients", sa.Column(name, sa.String(2000), nullable=False, server_default=""))
    for name in _FLAGS:
        op.add_column("clients", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
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
    for name in (*_FLAGS, *_URIS):
        op.drop_column("clients", name)
    op.drop_index(op.f("ix_sessions_series"), "sessions")
    op.drop_column("sessions", "series")
