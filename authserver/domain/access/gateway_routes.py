"""Route tables: which scopes a method and a path need, kept here for a proxy that only names the table."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.access import scopes
from authserver.domain.ground import cache
from authserver.domain.record import audit
from authserver.errors import Conflict, Invalid, NotFound
from authserver.lib import clock, quoting
from authserver.models import RouteTable

ANY = "*"
# Names with a meaning of their own in the proxy's configuration (contract 11.25).
RESERVED = frozenset({"any", "methods"})
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
MAX_RULES = 200
# The built-in table `methods`: reading, writing and deleting, on the workflows bundle.
BY_METHOD = {
    **dict.fromkeys(("GET", "HEAD", "OPTIONS"), "workflows:read"),
    **dict.fromkeys(("POST", "PUT", "PATCH"), "workflows:write"),
    "DELETE": "workflows:delete",
}
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@{}/-]{0,500}")
_SEGMENT = re.compile(r"\{[A-Za-z_]\w*\}|\*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rule:
    """`methods` is empty for every method; `{name}` or `*` in the path is one segment, `/**` at its end any rest."""

    methods: tuple[str, ...]
    path: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A named list of rules; the first one that matches counts."""

    name: str
    rules: tuple[Rule, ...]
    updated_at: int = 0

    def needed(self, method: str, path: str) -> tuple[str, ...] | None:
        """The scopes that this method on this path needs, or None if no rule knows it."""
        for rule in self.rules:
            if (not rule.methods or method in rule.methods) and pattern(rule.path).fullmatch(path):
                return rule.scopes
        return None


def all() -> dict[str, Table]:
    """Every table by name; no statement when warm."""
    return _tables.get("")


def find(name: str) -> Table | None:
    """One table, if there is one of this name; no statement when warm."""
    return all().get(name)


def get(name: str) -> Table:
    """One table. Raises NotFound."""
    table = find(name)
    if table is None:
        raise NotFound("There is no such route table.")
    return table


def create(name: str, rules: Sequence[Rule]) -> None:
    """Make a table. Raises Invalid with a sentence for what is wrong, Conflict if the name is taken."""
    check(name, rules)
    with database.transaction() as session:
        if session.get(RouteTable, name) is not None:
            raise Conflict("There is already a table with this name.", field="name")
        _write(session, name, rules)


def save(name: str, rules: Sequence[Rule]) -> None:
    """Make or replace a table. Raises Invalid with a sentence for what is wrong."""
    check(name, rules)
    with database.transaction() as session:
        _write(session, name, rules)


def remove(name: str) -> None:
    """Delete a table: proxies that name it are refused from now on."""
    with database.transaction() as session:
        if session.scalar(delete(RouteTable).where(RouteTable.name == name).returning(RouteTable.name)) is None:
            raise NotFound("There is no such route table.")
        _record(session, "route_table.deleted", name)


def parse(text: str) -> tuple[Rule, ...]:
    """Rules as people write them: a line each, `GET,POST /workflows/{id} workflows:read`; `#` starts a comment.

    `*` stands for every method; scopes are separated by spaces, and none means any valid credential.
    """
    rules = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) < 2:
            told = f"Line {number}, {quoting.shown(words[0])}, needs a method and a path: GET /workflows/{{id}}."
            raise Invalid(told, field="rules")
        methods = () if words[0] == ANY else tuple(words[0].upper().split(","))
        rules.append(Rule(methods, words[1], tuple(words[2:])))
    return tuple(rules)


def written(table: Table) -> str:
    """A table's rules as `parse` reads them."""
    return "\n".join(f"{','.join(r.methods) or ANY} {r.path} {' '.join(r.scopes)}".rstrip() for r in table.rules)


@functools.lru_cache(maxsize=4096)
def pattern(path: str) -> re.Pattern[str]:
    """A path pattern compiled; each part matches within one segment, so that none can take long."""
    rest = path.endswith("/**")
    parts = (path[:-3] if rest else path).split("/")
    exact = "/".join("[^/]+" if _SEGMENT.fullmatch(part) else re.escape(part) for part in parts)
    return re.compile(exact + ("(?:/.*)?" if rest else ""), re.DOTALL)


def check(name: str, rules: Sequence[Rule], *, with_scopes: bool = True) -> None:
    """Raise Invalid with a sentence for the first thing that is wrong; `with_scopes` False lets unknown ones pass."""
    if not _NAME.fullmatch(name) or name in RESERVED or name in scopes.all():
        raise Invalid(
            "A name has small letters, digits and hyphens; methods, any and names of scopes are taken.", field="name"
        )
    if not rules or len(rules) > MAX_RULES:
        raise Invalid(f"A table has 1 to {MAX_RULES} rules.", field="rules")
    known = scopes.all() if with_scopes else None
    for number, rule in enumerate(rules, 1):
        problem = _problem(rule, known)
        if problem:
            raise Invalid(f"Rule {number}: {problem}", field="rules")


def _problem(rule: Rule, known: Collection[str] | None) -> str:
    if unknown := quoting.strangers(rule.methods, METHODS):
        return f"{unknown} is no method. Methods are {', '.join(sorted(METHODS))}, or * for all."
    if not _PATH.fullmatch(rule.path) or "//" in rule.path or "**" in rule.path.removesuffix("/**"):
        return f"{quoting.shown(rule.path)} is no path. One looks like /workflows/{{id}} or /workflows/**."
    missing = "" if known is None else quoting.strangers(rule.scopes, known)
    return f"there is no scope {missing}." if missing else ""


def _write(session: Session, name: str, rules: Sequence[Rule]) -> None:
    row = session.get(RouteTable, name, with_for_update=True)
    if row is None:
        row = RouteTable(name=name)
        session.add(row)
    row.rules = [{"methods": list(each.methods), "path": each.path, "scopes": list(each.scopes)} for each in rules]
    row.updated_at = clock.now()
    _record(session, "route_table.updated", name, rules=len(rules))


def _record(session: Session, type: str, name: str, **data: Any) -> None:
    cache.touch(session, "routes")
    audit.record(session, type, target=f"route_table:{name}", **data)


def _load(_key: str) -> dict[str, Table]:
    with database.reading() as session:
        rows = session.scalars(select(RouteTable).order_by(RouteTable.name)).all()
    return {row.name: Table(row.name, tuple(_rule(each) for each in row.rules), row.updated_at) for row in rows}


def _rule(stored: dict[str, Any]) -> Rule:
    return Rule(tuple(stored["methods"]), stored["path"], tuple(stored["scopes"]))


_tables: cache.Cache[dict[str, Table]] = cache.Cache("routes", _load)
