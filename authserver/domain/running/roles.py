"""Rights in PostgreSQL: one role owns the schema and migrates it, another serves and may only read and write rows."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from authserver import database
from authserver.errors import Unavailable
from authserver.tables import Base

# What only grows: the server appends, moves the signed end along, and notes how far the chain was verified.
# Events are cut by a function of the owner's (migration 0013).
APPENDED = {
    "audit_events": "SELECT, INSERT",
    "audit_checkpoints": "SELECT, INSERT, UPDATE (verified_at_us, signature)",
    "audit_head": "SELECT, UPDATE",
}
_CUT = "audit_cut(bigint, text, bigint, bytea)"


@dataclass(frozen=True, slots=True)
class Rights:
    """What the role of this connection may do beyond reading and writing rows."""

    role: str
    superuser: bool
    owner: bool


def grant(role: str) -> None:
    """Give a role what the server needs in every table of this schema, and take what it does not need.

    Run as the owner, after every migration. Raises Unavailable if there is no such role.
    """
    with database.transaction() as session:
        connection = session.connection()
        if not connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}):
            raise Unavailable(
                "PostgreSQL has no role with the name in database_url. This makes it: CREATE ROLE … LOGIN PASSWORD …",
                f"no role {role}",
            )
        for statement in _statements(connection, role):
            connection.exec_driver_sql(statement)


def close() -> None:
    """Leave the function that cuts the audit log to its owner: a restored one could be called by everybody."""
    if database.dialect() == "postgresql":
        with database.autocommit() as connection:
            connection.exec_driver_sql(f"REVOKE ALL ON FUNCTION {_CUT} FROM PUBLIC")


def rights() -> Rights:
    """The role of this process, and whether it could change the schema or everything."""
    with database.autocommit() as connection:
        row = connection.execute(
            text(
                "SELECT rolname, rolsuper, pg_has_role(current_user, relowner, 'USAGE') AS owner"
                " FROM pg_roles, pg_class WHERE rolname = current_user AND pg_class.oid = to_regclass('audit_events')"
            )
        ).one()
    return Rights(row.rolname, row.rolsuper, row.owner)


def _statements(connection: Connection, role: str) -> list[str]:
    quote = connection.dialect.identifier_preparer.quote
    schema, to = quote(connection.scalar(text("SELECT current_schema()")) or "public"), quote(role)
    statements = [f"GRANT USAGE ON SCHEMA {schema} TO {to}", f"REVOKE CREATE ON SCHEMA {schema} FROM {to}"]
    for name in [*sorted(Base.metadata.tables), "alembic_version"]:
        table = f"{schema}.{quote(name)}"
        may = "SELECT" if name == "alembic_version" else APPENDED.get(name, "SELECT, INSERT, UPDATE, DELETE")
        statements += [f"REVOKE ALL ON TABLE {table} FROM {to}", f"GRANT {may} ON TABLE {table} TO {to}"]
    return [*statements, f"GRANT EXECUTE ON FUNCTION {schema}.{_CUT} TO {to}"]
