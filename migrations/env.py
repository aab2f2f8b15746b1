"""Runs migrations on the connection that `authserver migrate` opens: one transaction, locked against others."""

from alembic import context
from sqlalchemy import Connection

from authserver import models  # noqa: F401  # fills the metadata
from authserver.tables import Base


def run() -> None:
    """Alembic has no connection of its own here: locks and transactions belong to domain/schema.py."""
    connection: Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,  # SQLite changes a table by making it anew
        compare_type=True,
        compare_server_default=True,
        transactional_ddl=True,
    )
    context.run_migrations()


run()
