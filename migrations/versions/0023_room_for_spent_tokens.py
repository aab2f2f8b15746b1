"""Room in the pages of refresh tokens, so that spending one touches no index (decision 18)."""

from collections.abc import Sequence

from alembic import op

revision: str = "0023"
down_revision: str | None = "0022"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":  # holds for new pages, and waits for no reader or writer
        op.execute("ALTER TABLE refresh_tokens SET (fillfactor = 60)")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE refresh_tokens RESET (fillfactor)")
