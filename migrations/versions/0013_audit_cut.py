"""The audit log is cut by a function of the schema's owner, so that the server's role may append and no more."""

from collections.abc import Sequence

from alembic import op
from sqlalchemy import text

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# It runs with the owner's rights, so names are looked up in our schema; last comes what a caller could make.
POSTGRESQL = """
    CREATE FUNCTION audit_cut(upto bigint, expected text, cut_at_us bigint, signed bytea) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    DECLARE gone bigint;
    BEGIN
      PERFORM 1 FROM audit_head WHERE id = 1 FOR UPDATE;
      IF length(signed) <> 32 OR NOT EXISTS (SELECT 1 FROM audit_events WHERE seq = upto AND hash = expected) THEN
        RAISE EXCEPTION 'audit_cut: this checkpoint fits no event';
      END IF;
      DELETE FROM audit_checkpoints WHERE seq <= upto;
      INSERT INTO audit_checkpoints (seq, hash, at_us, purged, signature)
      VALUES (upto, expected, cut_at_us, true, signed);
      DELETE FROM audit_events WHERE seq <= upto;
      GET DIAGNOSTICS gone = ROW_COUNT;
      RETURN gone;
    END $$
"""
SIGNATURE = "audit_cut(bigint, text, bigint, bytea)"


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    schema = connection.scalar(text("SELECT quote_ident(current_schema())"))
    connection.exec_driver_sql(POSTGRESQL.format(schema=schema))
    connection.exec_driver_sql(f"REVOKE ALL ON FUNCTION {SIGNATURE} FROM PUBLIC")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.get_bind().exec_driver_sql(f"DROP FUNCTION {SIGNATURE}")
