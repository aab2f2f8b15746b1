"""Indexes in the order of lists, and usage added up by the hour: a page reads its own rows, whatever else there is."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0028"
down_revision: str | None = "0027"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Name, table, columns, and the condition of its rows.
_NEW: tuple[tuple[str, str, list[str], str | None], ...] = (
    ("ix_users_listed", "users", ["created_at", "id"], "deleted_at IS NULL"),
    ("ix_users_invited", "users", ["created_at", "id"], "password_hash IS NULL"),
    ("ix_users_disabled", "users", ["created_at", "id"], "disabled_at IS NOT NULL"),
    ("ix_users_role", "users", ["role"], None),
    ("ix_clients_listed", "clients", ["created_at", "id"], "deleted_at IS NULL"),
    ("ix_clients_owned", "clients", ["owner_id", "created_at", "id"], None),
    ("ix_clients_self_registered", "clients", ["self_registered", "created_at", "id"], None),
    ("ix_clients_kind", "clients", ["kind", "created_at", "id"], "deleted_at IS NULL"),
    ("ix_clients_disabled", "clients", ["created_at", "id"], "disabled_at IS NOT NULL"),
    ("ix_clients_deleted", "clients", ["created_at", "id"], "deleted_at IS NOT NULL"),
    ("ix_api_keys_listed", "api_keys", ["created_at", "id"], None),
    ("ix_api_keys_owned", "api_keys", ["owner_id", "created_at", "id"], None),
    ("ix_api_keys_revoked", "api_keys", ["created_at", "id"], "revoked_at IS NOT NULL"),
    ("ix_grants_listed", "grants", ["created_at", "id"], None),
    ("ix_grants_of_user", "grants", ["user_id", "created_at", "id"], None),
    ("ix_grants_of_client", "grants", ["client_id", "created_at", "id"], None),
    ("ix_audit_events_owner", "audit_events", ["owner_id", "seq"], None),
    ("ix_audit_events_client", "audit_events", ["client_id", "seq"], None),
    ("ix_audit_events_actor", "audit_events", ["actor", "seq"], None),
    ("ix_audit_events_target", "audit_events", ["target", "seq"], None),
    ("ix_audit_events_result", "audit_events", ["result", "seq"], None),
    ("ix_refusals_listed", "refusals", ["at", "request_id"], None),
    ("ix_refusals_of_client", "refusals", ["client_id", "at", "request_id"], None),
    ("ix_refusals_of_key", "refusals", ["key_id", "at", "request_id"], None),
    ("ix_refusals_of_owner", "refusals", ["owner_id", "at", "request_id"], None),
    ("ix_webhook_deliveries_state", "webhook_deliveries", ["endpoint_id", "state", "event_us", "id"], None),
    ("ix_webhook_endpoints_listed", "webhook_endpoints", ["created_at", "id"], None),
    ("ix_usage_counts_subject", "usage_counts", ["subject", "metric", "hour"], None),
)
# Those with other columns or rows than before: name, table, columns before and after, condition after.
_CHANGED: tuple[tuple[str, str, list[str], list[str], str | None], ...] = (
    ("ix_users_deleted_at", "users", ["deleted_at"], ["deleted_at"], "deleted_at IS NOT NULL"),
    ("ix_clients_deleted_at", "clients", ["deleted_at"], ["deleted_at"], "deleted_at IS NOT NULL"),
    ("ix_audit_events_type", "audit_events", ["type"], ["type", "result", "seq"], None),
    ("ix_webhook_deliveries_history", "webhook_deliveries", ["endpoint_id", "event_us"],
     ["endpoint_id", "event_us", "id"], None),
)  # fmt: skip
# Those that another takes the place of: name, table, column.
_OLD = (
    ("ix_clients_owner_id", "clients", "owner_id"),
    ("ix_api_keys_owner_id", "api_keys", "owner_id"),
    ("ix_grants_client_id", "grants", "client_id"),
    ("ix_grants_user_id", "grants", "user_id"),
    ("ix_audit_events_owner_id", "audit_events", "owner_id"),
    ("ix_audit_events_client_id", "audit_events", "client_id"),
    ("ix_refusals_at", "refusals", "at"),
    ("ix_refusals_client_id", "refusals", "client_id"),
    ("ix_refusals_owner_id", "refusals", "owner_id"),
)


def upgrade() -> None:
    op.create_table(
        "usage_totals",
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("metric", sa.String(40), nullable=False),
        sa.Column("sample", sa.Boolean(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "metric", "sample", name="pk_usage_totals"),
    )
    op.execute(
        "INSERT INTO usage_totals (hour, metric, sample, count)"
        " SELECT hour, metric, sample, sum(count) FROM usage_counts GROUP BY hour, metric, sample"
    )
    for name, table, columns, rows in _NEW:
        op.create_index(name, table, columns, **_only(rows))
    for name, table, _, columns, rows in _CHANGED:
        op.drop_index(name, table)
        op.create_index(name, table, columns, **_only(rows))
    for name, table, _column in _OLD:
        op.drop_index(name, table)


def downgrade() -> None:
    op.drop_table("usage_totals")
    for name, table, column in _OLD:
        op.create_index(name, table, [column])
    for name, table, columns, _, _rows in _CHANGED:
        op.drop_index(name, table)
        op.create_index(name, table, columns)
    for name, table, _columns, _rows in _NEW:
        op.drop_index(name, table)


def _only(rows: str | None) -> dict[str, Any]:
    return {} if rows is None else {"postgresql_where": sa.text(rows), "sqlite_where": sa.text(rows)}
