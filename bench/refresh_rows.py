"""`python -m bench.refresh_rows`: what a rotation costs PostgreSQL, by the shape of its rows (decision 18).

The server's processor time is that of its own process; the commit does not wait for the disk here. Shapes take turns.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from authserver.cli import embedded_postgres

ROUNDS, ROTATIONS, LIVE, OLD, GRANTS = 6, 3000, 2000, 100_000, 20_000
NOW = int(time.time())
_AROUND: LiteralString = """
CREATE TABLE people (id varchar(32) PRIMARY KEY, email text, disabled_at bigint, tokens_not_before bigint DEFAULT 0);
CREATE TABLE grants (id varchar(32) PRIMARY KEY, client_id varchar(64), user_id varchar(32) REFERENCES people,
  scopes json, expires_at bigint, revoked_at bigint);
CREATE INDEX ON grants (client_id);
CREATE INDEX ON grants (user_id);
INSERT INTO people SELECT 'us_' || i, 'a' || i, NULL, 0 FROM generate_series(1, 20000) i;
INSERT INTO grants SELECT 'gr_abcdefgh' || i, 'client', 'us_' || i, '["a", "b"]', 1099511627776, NULL
  FROM generate_series(1, 20000) i;
"""
_ROW = """
CREATE TABLE {name} (digest bytea PRIMARY KEY, grant_id varchar(32) NOT NULL {refers}, client_id varchar(64) NOT NULL,
  issued_at bigint NOT NULL, expires_at bigint NOT NULL, used_us bigint, successor bytea, successor_sealed bytea)
  WITH (fillfactor = {fill});
CREATE INDEX ON {name} (grant_id);
CREATE INDEX ON {name} (expires_at);
INSERT INTO {name} SELECT sha256(('r' || i)::bytea), 'gr_abcdefgh' || (i % {grants} + 1), 'client', {now}, {now} + i,
  1, sha256('x'), sha256('y') || sha256('z') FROM generate_series(1, {old}) i;
"""
_SPEND = """
WITH spent AS (UPDATE {name} t SET used_us = 1, successor = %(next)s, successor_sealed = %(sealed)s
  WHERE digest = %(presented)s AND client_id = 'client' AND used_us IS NULL AND expires_at > %(now)s AND EXISTS (
    SELECT FROM grants g JOIN people p ON p.id = g.user_id WHERE g.id = t.grant_id AND g.revoked_at IS NULL
    AND g.expires_at > %(now)s AND p.disabled_at IS NULL AND p.tokens_not_before <= t.issued_at) RETURNING grant_id),
minted AS (INSERT INTO {name} (digest, grant_id, client_id, issued_at, expires_at)
  SELECT %(next)s, grant_id, 'client', %(now)s, least(%(idle)s, g.expires_at)
  FROM spent JOIN grants g ON g.id = spent.grant_id)
SELECT g.*, p.email FROM grants g JOIN people p ON p.id = g.user_id JOIN spent ON spent.grant_id = g.id
"""
_FAMILY = """
CREATE TABLE families (handle varchar(12) PRIMARY KEY, digest bytea NOT NULL, before bytea,
  grant_id varchar(32) NOT NULL REFERENCES grants ON DELETE CASCADE, client_id varchar(64) NOT NULL,
  issued_at bigint NOT NULL, expires_at bigint NOT NULL, rotated_us bigint, successor_sealed bytea)
  WITH (fillfactor = 60);
CREATE INDEX ON families (grant_id);
CREATE INDEX ON families USING brin (expires_at);
"""
_ROTATE = """
UPDATE families f SET before = digest, digest = %(next)s, rotated_us = 1, successor_sealed = %(sealed)s,
  issued_at = %(now)s, expires_at = least(%(idle)s, g.expires_at)
FROM grants g JOIN people p ON p.id = g.user_id
WHERE f.handle = %(handle)s AND f.digest = %(presented)s AND f.client_id = 'client' AND f.expires_at > %(now)s
  AND g.id = f.grant_id AND g.revoked_at IS NULL AND g.expires_at > %(now)s AND p.disabled_at IS NULL
  AND p.tokens_not_before <= f.issued_at RETURNING g.*, p.email
"""


@dataclass
class Shape:
    """A way to keep refresh tokens, and what its rotations took."""

    name: str
    table: str
    schema: str
    statement: str
    chains: list[bytes] = field(default_factory=lambda: [os.urandom(32) for _ in range(LIVE)])
    took: list[tuple[float, float]] = field(default_factory=list)  # µs of processor time and bytes of WAL, of one


def _rows(name: str, table: str, *, fill: int = 100, refers: str = "REFERENCES grants ON DELETE CASCADE") -> Shape:
    schema = _ROW.format(name=table, fill=fill, refers=refers, grants=GRANTS, now=NOW, old=OLD)
    return Shape(name, table, schema, _SPEND.format(name=table))


def main() -> None:
    """Rotate in each shape in turn, and print the medians."""
    shapes = [
        _rows("a row for each token", "plain"),
        _rows("with room in each page", "roomy", fill=60),
        _rows("and without the foreign key", "loose", fill=60, refers=""),
        Shape("a family rotated in place", "families", _FAMILY, _ROTATE),
    ]
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_postgres.running(Path(folder) / "postgres") as url,
        psycopg.connect(url.replace("+psycopg", ""), autocommit=True, prepare_threshold=2) as connection,
    ):
        _fill(connection, shapes)
        for each in shapes:
            _rotate(connection, each, LIVE)  # whole pages go into the log at first
        before = {each.table: _size(connection, each) for each in shapes}
        for _ in range(ROUNDS):
            for each in shapes:
                each.took.append(_rotate(connection, each, ROTATIONS))
        for each in shapes:
            _print(each, (_size(connection, each) - before[each.table]) / ROUNDS / ROTATIONS)


def _fill(connection: psycopg.Connection[Any], shapes: list[Shape]) -> None:
    run: Callable[..., Any] = connection.execute
    run("SET synchronous_commit = off")
    run(_AROUND)
    for each in shapes:
        run(each.schema)
        key, value = ("handle, ", "%s, ") if each.table == "families" else ("", "")
        statement: Any = (
            f"INSERT INTO {each.table} ({key}digest, grant_id, client_id, issued_at, expires_at)"
            f" VALUES ({value}%s, %s, 'client', {NOW}, {NOW + 10**6})"
        )
        rows = [(digest, f"gr_abcdefgh{number + 1}") for number, digest in enumerate(each.chains)]
        with connection.cursor() as cursor:
            cursor.executemany(statement, [(f"f{n}", *row) for n, row in enumerate(rows)] if key else rows)
    run("VACUUM ANALYZE")
    run("CHECKPOINT")


def _rotate(connection: psycopg.Connection[Any], shape: Shape, count: int) -> tuple[float, float]:
    run: Callable[..., Any] = connection.execute
    (log,) = run("SELECT pg_current_wal_lsn()").fetchone()
    began = _processor_seconds(connection.info.backend_pid)
    for number in range(count):
        place, new = number % LIVE, os.urandom(32)
        values = {
            "presented": shape.chains[place], "next": new, "sealed": new * 3, "now": NOW, "idle": NOW + 10**6,
            "handle": f"f{place}",
        }  # fmt: skip
        if len(run(shape.statement, values).fetchall()) != 1:
            raise RuntimeError(f"{shape.name}: not rotated")
        shape.chains[place] = new
    took = _processor_seconds(connection.info.backend_pid) - began
    (written,) = run("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), %s)", (log,)).fetchone()
    return took / count * 1_000_000, float(written) / count


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _size(connection: psycopg.Connection[Any], shape: Shape) -> int:
    return int(connection.execute("SELECT pg_total_relation_size(%s)", (shape.table,)).fetchone()[0])  # type: ignore[index]  # one row


def _print(shape: Shape, growth: float) -> None:
    processor, written = (statistics.median(each) for each in zip(*shape.took, strict=True))
    print(f"{shape.name:30}{processor:6.0f} µs of the server {written:6.0f} bytes of WAL {growth:6.0f} bytes kept")


if __name__ == "__main__":
    main()
