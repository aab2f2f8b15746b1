"""The database itself keeps the audit log append-only.

An event goes only if a purge's checkpoint covers it; nothing is ever changed. Whoever may drop a trigger can get
around this, and then the chain of hashes and the signatures show it. A later migration that makes `audit_events`
anew on SQLite (batch mode) has to make its triggers anew, too.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

POSTGRESQL = (
    """
    CREATE FUNCTION audit_events_keep() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT 1 FROM audit_checkpoints WHERE purged AND seq >= OLD.seq) THEN
          RETURN OLD;
        END IF;
      END IF;
      RAISE EXCEPTION 'audit_events is append-only';
    END $$
    """,
    """
    CREATE TRIGGER audit_events_keep_rows BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_events_keep()
    """,
    """
    CREATE TRIGGER audit_events_keep_all BEFORE TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION audit_events_keep()
    """,
)
SQLITE = (
    """
    CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events
    BEGIN SELECT RAISE(ABORT, 'audit_events is append-only'); END
    """,
    """
    CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events
    WHEN NOT EXISTS (SELECT 1 FROM audit_checkpoints WHERE purged AND seq >= OLD.seq)
    BEGIN SELECT RAISE(ABORT, 'audit_events is append-only'); END
    """,
)
POSTGRESQL_DOWN = (
    "DROP TRIGGER audit_events_keep_all ON audit_events",
    "DROP TRIGGER audit_events_keep_rows ON audit_events",
    "DROP FUNCTION audit_events_keep()",
)
SQLITE_DOWN = ("DROP TRIGGER audit_events_no_delete", "DROP TRIGGER audit_events_no_update")


def upgrade() -> None:
    _run(POSTGRESQL if op.get_bind().dialect.name == "postgresql" else SQLITE)


def downgrade() -> None:
    _run(POSTGRESQL_DOWN if op.get_bind().dialect.name == "postgresql" else SQLITE_DOWN)


def _run(statements: Sequence[str]) -> None:
    for statement in statements:
        op.get_bind().exec_driver_sql(statement)
