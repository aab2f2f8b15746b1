"""No purge keeps anybody waiting: each of its transactions touches few rows, with all that hangs on them (E21)."""

from __future__ import annotations

import ast
import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, Table, event, insert
from sqlalchemy.types import JSON, Boolean, Integer, LargeBinary

import authserver
from authserver import database
from authserver.domain.clients import self_registered
from authserver.domain.ground import batches
from authserver.domain.record import audit
from authserver.domain.running import chores, retention
from authserver.lib import clock
from authserver.tables import Base

AT_ONCE, EACH = 10, 80  # rows of a transaction here, and rows of each table: every other one is dead
MOST = 2 * AT_ONCE + 5  # the audit log lets as many checkpoints go as events, and leaves a new one
FEW = {"users": 6}
LONG_AGO, FAR = 1, 4_000_000_000
# What the installation itself has, or what nothing is purged of.
OWN = {"audit_events", "audit_checkpoints", "audit_head", "cache_versions", "last_runs", "machine_clock"}
ONE_EACH = ("consents.client_id", "webhook_deliveries.event_id")  # of a person, of an endpoint
UNSENT = ("next_at", "next_attempt_at")


def test_no_transaction_of_a_purge_touches_many_rows(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "ROWS", AT_ONCE)
    monkeypatch.setattr(audit, "PURGED_AT_ONCE", AT_ONCE)
    monkeypatch.setattr(self_registered, "PURGED_AT_ONCE", 2)
    fill()
    with transactions() as touched:
        parts = list(retention._parts(clock.now(), clock.now() + 1))
        gone = {name: part() for name, part in parts}
    too_few = {name: count for name, count in gone.items() if count < min(2 * AT_ONCE, FEW.get(name, EACH) // 2)}
    assert not too_few, "this test fills them with nothing that could be purged"
    assert max(touched) <= MOST
    assert max(touched) >= AT_ONCE


def test_every_purge_of_the_domain_is_a_part_of_retention() -> None:
    """A new one has its turn there, and is seen by the test above."""
    root = pathlib.Path(authserver.__file__).parent
    called = {
        (node.value.id, node.attr)
        for node in ast.walk(ast.parse((root / "domain/running/retention.py").read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    names = {"retention": "webhook_retention"}
    for path, function in functions(root / "domain"):
        if function.name.startswith(("purge", "erase_due", "forget_answers", "forget_texts")):
            place = names.get(path.stem, path.stem)
            assert (place, function.name) in called or path.parts[-2:] == ("running", "retention.py"), function.name
    assert retention.purge in [chore for _, chore in chores.CHORES]


def test_a_purge_deletes_by_batches_alone() -> None:
    root = pathlib.Path(authserver.__file__).parent
    for path, function in functions(root / "domain"):
        if "purge" in function.name or path.stem == "retention":
            calls = {node.func.id for node in ast.walk(function) if isinstance(node, ast.Call) and named(node)}
            assert not calls & {"delete", "update"}, f"{path.stem}.{function.name}"


def named(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name)


def functions(folder: pathlib.Path) -> Iterator[tuple[pathlib.Path, ast.FunctionDef]]:
    for path in sorted(folder.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                yield path, node


@contextlib.contextmanager
def transactions() -> Iterator[list[int]]:
    """How many rows each transaction of the block touched, with what the database took along by itself."""
    touched, before = [0], [0]
    engine = database.engine()

    def count(connection: Connection) -> int:
        if connection.dialect.name == "sqlite":
            return int(connection.connection.driver_connection.total_changes)  # type: ignore[union-attr]
        sums = "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_xact_user_tables"
        with connection.connection.cursor() as cursor:
            cursor.execute(sums)
            return int(cursor.fetchone()[0])  # type: ignore[index]

    def begins(connection: Connection) -> None:
        before[0] = count(connection)

    def ends(connection: Connection) -> None:
        touched.append(count(connection) - before[0])

    def alone(_connection: Any, cursor: Any, *_: Any) -> None:  # on PostgreSQL some are their own transaction
        touched.append(cursor.rowcount if cursor.description is None else 0)

    heard = (("begin", begins), ("commit", ends), ("after_cursor_execute", alone))
    for name, listener in heard:
        event.listen(engine, name, listener)
    try:
        yield touched
    finally:
        for name, listener in heard:
            event.remove(engine, name, listener)


def fill() -> None:
    """Rows of every table: dead ones, and living ones that hang on the dead."""
    for _ in range(EACH // 2):
        with database.transaction() as session:
            audit.record(session, "user.login")
    with database.transaction() as session:
        for table in Base.metadata.sorted_tables:
            if table.name not in OWN:
                session.execute(insert(table), [row(table, n) for n in range(FEW.get(table.name, EACH))])


def row(table: Table, number: int) -> dict[str, Any]:
    dead = number % 2 == 0
    made = {column.name: value(table, column, number, dead=dead) for column in table.columns}
    if table.name == "clients" and number % 4 == 2:  # one that registered itself, and was never used
        made |= {"deleted_at": None, "self_registered": True, "owner_id": None, "first_used_at": None}
    return made


def value(table: Table, column: Any, number: int, *, dead: bool) -> Any:
    if column.foreign_keys:
        (key,) = column.foreign_keys
        parent = key.column.table
        of = number if [column] == list(table.primary_key) or str(column) in ONE_EACH else (number + 1) // 2 % 2
        return value(parent, key.column, of, dead=of % 2 == 0)
    kind, name = column.type, column.name
    if isinstance(kind, JSON):
        return None if column.nullable else []
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, LargeBinary):
        return None if column.nullable and not dead else number.to_bytes(32)
    if isinstance(kind, Integer):
        return time(column, number, dead=dead) if is_time(name) else None if column.nullable else number
    if column.nullable:
        return None
    return f"{table.name[:3]}{number}-{name}"[: kind.length or 40]


def is_time(name: str) -> bool:
    return name.endswith(("_at", "_us", "_until")) or name in ("hour", "window_ends_at")


def time(column: Any, number: int, *, dead: bool) -> int | None:
    if column.nullable and (not dead or column.name in UNSENT):
        return None
    seconds = LONG_AGO if dead else FAR
    return seconds * 1_000_000 if column.name.endswith("_us") else seconds
