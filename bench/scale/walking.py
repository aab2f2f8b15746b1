"""Every page of an installation, found from the map of addresses: its statements, its time, and the rows they touch."""

from __future__ import annotations

import contextlib
import json
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select
from werkzeug.routing import Rule

from authserver import database
from authserver.domain.people import sessions, users
from authserver.edge import browser
from authserver.models import Client, ClientSecret, SigningKey
from bench.scale import filling

# What lists can be narrowed to, beside the pages as they are.
NARROWED: dict[str, tuple[dict[str, str], ...]] = {
    "admin_users.index": ({"state": "invited"}, {"state": "disabled"}, {"state": "deleted"}, {"state": "active"}),
    "admin_clients.index": ({"status": "disabled"}, {"status": "deleted"}, {"kind": "machine"}, {"page": "30"}),
    "apps.index": ({"status": "disabled"}, {"kind": "spa"}, {"page": "3"}),
    "api_keys.index": ({"status": "revoked"}, {"whose": "all"}, {"whose": "all", "status": "revoked"}),
    "webhooks.index": ({"whose": "all"},),
    "webhooks_deliveries.index": ({"state": "failed"}, {"state": "delivered"}, {"page": "9"}),
    "audit_log.index": (
        {"group": "sign_ins"}, {"group": "sign_ins", "result": "refused"}, {"result": "refused"}, {"group": "server"},
        {"about": filling.person(1)}, {"about": "no such thing"}, {"about": filling.client(0)}, {"page": "9"},
        {"from": "2020-01-01", "to": "2020-02-01"}, {"about": filling.MUCH},
    ),
    "errors.index": ({"about": filling.client(0)}, {"about": filling.key(0)}, {"page": "9"}),
    "connected_apps.index": ({"page": "3"},),
    "usage.show": ({"page": "3"},),
}  # fmt: skip
WAYS_OF_SMALL_TABLES = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin")
MOST_BYTES = 1_000_000
# What needs something that a seed does not make: requests under way and one-time links.
LEFT_OUT = {
    "kept_form.show",
    "password_reset.choose",
    "this_was_not_me.show",
    "welcome.show",
    "authorization.begin",
    "theme.save",
    "logos.show",
}


@dataclass(frozen=True)
class Seen:
    """One page as one person got it. `ms` and `cpu_ms` are the best of some views; `work` is the largest statement's:
    rows that PostgreSQL read, thousands of steps that SQLite's machine made.
    """  # fmt: skip

    who: str
    path: str
    status: int
    ms: float
    cpu_ms: float
    statements: int
    work: int
    largest: str


def walk(app: Flask, *, times: int = 3, only: str = "", measured: bool = False) -> Iterator[Seen]:
    """Look at every page as the administrator, as who has much, as who has little."""
    for who in (filling.ADMIN, filling.MUCH, filling.LITTLE):
        client = _signed_in(app, who)
        for path in pages(app, who):
            if only in path:
                yield _seen(client, who.partition("@")[0], path, times, measured)


def pages(app: Flask, who: str) -> Iterator[str]:
    """The addresses of all pages, with ids of things that this person may see."""
    values = _values(who)
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint == "static" or rule.endpoint.startswith("machine:"):
            continue
        if rule.endpoint not in LEFT_OUT:
            for query in ({}, *NARROWED.get(rule.endpoint, ())):
                yield _address(rule, {**values, **values.get(rule.endpoint, {})}, query)


def _address(rule: Rule, values: dict[str, Any], query: dict[str, str]) -> str:
    missing = [name for name in rule.arguments if name not in values]
    assert not missing, f"{rule.rule}: say in bench/scale/walking.py what stands for {missing}"
    built = rule.build({name: values[name] for name in rule.arguments}, append_unknown=False)
    assert built is not None
    query = {**values.get("?", {}), **query}
    return built[1] + ("?" + urlencode(query) if query else "")


def _values(who: str) -> dict[str, Any]:
    """What stands for the variables of addresses: the person's own thing of each kind, the largest that there is."""
    little = who == filling.LITTLE
    with database.reading() as session:
        app = session.get_one(Client, filling.client(2 * filling.OWNED if little else 0))
        secret = session.scalars(select(ClientSecret.id).where(ClientSecret.client_id == app.id)).first()
        kid = session.scalars(select(SigningKey.kid)).first()
    return {
        "client_id": app.id,
        "secret_id": secret or "none",
        "webhook_id": filling.hook(0),
        "delivery_id": "dlvScale000000000009",
        "kid": kid,
        "user_id": filling.person(1),
        "key_id": filling.key(filling.OWNED + 20 if little else 0),
        "request_id": "reqScale000000000000",
        "ending": "csv",
        "file": "none",
        "name": "workflows:read",
        "admin_permissions.edit": {"name": "full_access"},
        "admin_scopes.edit_resource": {"?": {"identifier": "https://api.scale.test"}},
        "admin_scopes.ask_delete_resource": {"?": {"identifier": "https://api.scale.test"}},
        "apps_transfer.show": {"client_id": filling.client(3 * filling.OWNED)},
        "connected_apps.confirm": {"client_id": filling.client(5)},
        "connected_apps.choose": {"client_id": filling.client(5)},
    }


def _signed_in(app: Flask, who: str) -> FlaskClient:
    user = users.find_by_email(who)
    assert user is not None
    token, _ = sessions.open(user, amr=["pwd"], ip="127.0.0.1", user_agent="bench")
    client = app.test_client()
    client.set_cookie(browser.cookie_name("session"), token, domain="localhost")
    return client


def _seen(client: FlaskClient, who: str, path: str, times: int, measured: bool) -> Seen:
    best = best_cpu = float("inf")
    for _ in range(times):
        cpu, started = _cpu(), time.perf_counter()
        with _statements() as sent:
            answer = client.get(path, base_url="http://localhost:8000")
            _read(answer)
        best, best_cpu = min(best, time.perf_counter() - started), min(best_cpu, _cpu() - cpu)
    most, largest = max((work(*each) for each in sent), default=(0, "")) if measured else (0, "")
    return Seen(who, path, answer.status_code, best * 1000, best_cpu * 1000, len(sent), most, largest)


def _read(answer: Any) -> None:
    """What a browser gets: of an export no more than it takes to see that it comes."""
    size = 0
    for chunk in answer.response:
        size += len(chunk)
        if size > MOST_BYTES:
            break
    answer.close()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextlib.contextmanager
def _statements() -> Iterator[list[tuple[str, Any]]]:
    """The statements of the block with their parameters; BEGIN, COMMIT and the poll of versions left out."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if "cache_versions" not in statement and not statement.startswith(("BEGIN", "PRAGMA", "SET ")):
            sent.append((statement, parameters))

    event.listen(database.engine(), "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(database.engine(), "before_cursor_execute", note)


def work(statement: str, parameters: Any) -> tuple[int, str]:
    """How much a statement reads that changes nothing, and the statement."""
    if not statement.lstrip().startswith(("SELECT", "WITH")) or "FOR UPDATE" in statement:
        return 0, ""
    return (_read_rows if database.dialect() == "postgresql" else _steps)(statement, parameters), statement


def _read_rows(statement: str, parameters: Any) -> int:
    with database.reading() as session:
        connection = session.connection()
        for way in WAYS_OF_SMALL_TABLES:  # of which the planner is fond; of large ones there is none without an index
            connection.exec_driver_sql(f"SET LOCAL {way} = off")
        plan = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).scalar_one()
    return _rows_of((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])


def _rows_of(node: dict[str, Any]) -> int:
    """Rows that a plan's scans read, those that a filter left out included."""
    read = sum(_rows_of(each) for each in node.get("Plans", ()))
    if "Scan" in node["Node Type"] and "Relation Name" in node:
        gone = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        read += round((node["Actual Rows"] + gone) * node["Actual Loops"])
    return read


def _steps(statement: str, parameters: Any) -> int:
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    with database.autocommit() as connection:
        raw: Any = connection.connection.driver_connection
        raw.set_progress_handler(count, 1000)
        try:
            connection.exec_driver_sql(statement, parameters).all()
        finally:
            raw.set_progress_handler(None, 0)
    return steps
