"""Route tables: which scopes a method and a path need, kept here for a proxy that only names the table."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.access import scopes
from authserver.domain.ground import cache
from authserver.domain.record import audit
from authserver.errors import Conflict, Invalid, NotFound
from authserver.lib import clock, quoting, redirect_uris
from authserver.models import RouteTable

ANY = "*"
PUBLIC = "public"  # nobody needs a credential: a rule's only word
CORS = "cors"
# Names with a meaning of their own in the proxy's configuration (contract 11.25).
RESERVED = frozenset({"any", "methods", *scopes.RESERVED})
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
MAX_RULES = 200
MAX_ORIGINS = 50
# The built-in table `methods`: reading, writing and deleting, on the workflows bundle.
BY_METHOD = {
    **dict.fromkeys(("GET", "HEAD", "OPTIONS"), "workflows:read"),
    **dict.fromkeys(("POST", "PUT", "PATCH"), "workflows:write"),
    "DELETE": "workflows:delete",
}
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@{}/-]{0,500}")
_SECOND_END, _LAST_DOTS = re.compile("[?#]"), re.compile(r"\.+(?=/|$)")
_SEGMENT = re.compile(r"\{[A-Za-z_]\w*\}|\*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rule:
    """`methods` is empty for every method; `{name}` or `*` in the path is one segment, `/**` at its end any rest.

    Its `scopes` may be the one word `public`. A line of `origins` has nothing else: pages there may call the API.
    What is said of GET holds for HEAD, which servers answer by the same code (RFC 9110 section 9.3.2).
    """

    methods: tuple[str, ...]
    path: str
    scopes: tuple[str, ...]
    origins: tuple[str, ...] = ()

    def knows(self, method: str, path: str, *, folded: bool = False) -> bool:
        """Whether it is about this method on this path; `folded` in whatever case."""
        known = method in self.methods or (method == "HEAD" and "GET" in self.methods)
        if not self.path or (self.methods and not known):
            return False
        return pattern(self.path, folded=folded).fullmatch(path) is not None


@dataclass(frozen=True, slots=True)
class Table:
    """A named list of rules; the first one that matches counts."""

    name: str
    rules: tuple[Rule, ...]
    updated_at: int = 0

    @property
    def origins(self) -> frozenset[str]:
        """Whose pages may call the API, which answers their preflights itself."""
        return frozenset(origin for rule in self.rules for origin in rule.origins)

    def needed(self, method: str, path: str) -> tuple[str, ...] | None:
        """The scopes that this method on this path needs, `public` alone for none, or None if no rule knows it.

        Where an API may take a path for another one, the rules of all spellings count (class C25).
        """
        if (own := self._rule(method, path)) is None:
            return None
        also = [self._rule(method, each, folded=True) for each in spellings(path)]
        for bare in dict.fromkeys(each.removesuffix("/") for each in spellings(path)):
            slashed = self._rule(method, f"{bare}/", folded=True)
            # A line for /admin/ is for /admin, too, unless that has one of its own: then both are meant.
            if slashed and slashed.path.endswith("/") and slashed.path != f"{own.path}/":
                also.append(slashed)
        return added([own.scopes, *(rule.scopes for rule in also if rule)])

    def _rule(self, method: str, path: str, *, folded: bool = False) -> Rule | None:
        found = next((rule for rule in self.rules if rule.knows(method, path, folded=folded)), None)
        if found is None or method != "HEAD" or "HEAD" in found.methods or not found.methods:
            return found
        # Known by GET alone: a line for HEAD that stands beside it for the same path is meant, in whatever order.
        return next((each for each in self.rules if each.path == found.path and "HEAD" in each.methods), found)


def spellings(path: str) -> list[str]:
    """A path, and the others that an API may take for it.

    Many lead from one with a slash at its end to that without. Some software decodes a path and reads it once more, so
    that it ends at what was an escaped `?` or `#`; some takes dots at the end of a name away, or composes characters.
    """
    composed = unicodedata.normalize("NFKC", path)
    cut = _SECOND_END.split(composed, maxsplit=1)[0]
    found = (path, composed, cut, _LAST_DOTS.sub("", cut))
    return list(dict.fromkeys(each for one in found for each in (one, one.removesuffix("/"))))


def added(each: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Requirements added up: it is public only if each of them says so."""
    found = list(each)
    if found and set(found) == {(PUBLIC,)}:
        return (PUBLIC,)
    return tuple(dict.fromkeys(name for needed in found for name in needed if name != PUBLIC))


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


def require_free_names(session: Session) -> None:
    """Raise Conflict for a table of before under a name that means something else now (contract 11.46)."""
    if taken := sorted(session.scalars(select(RouteTable.name).where(RouteTable.name.in_(RESERVED)))):
        raise Conflict(
            f"There is a route table {', '.join(taken)}, and this version means something else by that name."
            " Give it another name, there and in the proxy's configuration, and migrate again."
        )


def remove(name: str) -> None:
    """Delete a table: proxies that name it are refused from now on."""
    with database.transaction() as session:
        if session.scalar(delete(RouteTable).where(RouteTable.name == name).returning(RouteTable.name)) is None:
            raise NotFound("There is no such route table.")
        _record(session, "route_table.deleted", name)


def parse(text: str) -> tuple[Rule, ...]:
    """Rules as people write them: a line each, `GET,POST /workflows/{id} workflows:read`; `#` starts a comment.

    `*` stands for every method. Scopes are separated by spaces; none means any valid credential, `public` none at all.
    `cors https://app.example.com` lists origins.
    """
    rules = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if words[0].lower() == CORS:
            rules.append(Rule((), "", (), tuple(words[1:])))
            continue
        if len(words) < 2:
            told = f"Line {number}, {quoting.shown(words[0])}, needs a method and a path: GET /workflows/{{id}}."
            raise Invalid(told, field="rules")
        methods = () if words[0] == ANY else tuple(words[0].upper().split(","))
        rules.append(Rule(methods, words[1], tuple(words[2:])))
    return tuple(rules)


def written(table: Table) -> str:
    """A table's rules as `parse` reads them."""
    return "\n".join(map(_line, table.rules))


def _line(rule: Rule) -> str:
    if not rule.path:
        return " ".join([CORS, *rule.origins])
    return f"{','.join(rule.methods) or ANY} {rule.path} {' '.join(rule.scopes)}".rstrip()


@functools.lru_cache(maxsize=4096)
def pattern(path: str, *, folded: bool = False) -> re.Pattern[str]:
    """A path pattern compiled; each part matches within one segment, so that none can take long."""
    rest = path.endswith("/**")
    parts = (path[:-3] if rest else path).split("/")
    exact = "/".join("[^/]+" if _SEGMENT.fullmatch(part) else re.escape(part) for part in parts)
    return re.compile(exact + ("(?:/.*)?" if rest else ""), re.DOTALL | (re.IGNORECASE if folded else 0))


def check(name: str, rules: Sequence[Rule], *, with_scopes: bool = True) -> None:
    """Raise Invalid with a sentence for the first thing that is wrong; `with_scopes` False lets unknown ones pass."""
    if not _NAME.fullmatch(name) or name in RESERVED or name in scopes.all():
        raise Invalid(
            "A name has small letters, digits and hyphens; methods, any, public and names of scopes are taken.",
            field="name",
        )
    if not rules or len(rules) > MAX_RULES:
        raise Invalid(f"A table has 1 to {MAX_RULES} rules.", field="rules")
    known = scopes.all() if with_scopes else None
    for number, rule in enumerate(rules, 1):
        problem = _problem(rule, known)
        if problem:
            raise Invalid(f"Rule {number}: {problem}", field="rules")


def _problem(rule: Rule, known: Collection[str] | None) -> str:
    if not rule.path:
        return _origins_problem(rule.origins)
    if unknown := quoting.strangers(rule.methods, METHODS):
        return f"{unknown} is no method. Methods are {', '.join(sorted(METHODS))}, or * for all."
    if not _PATH.fullmatch(rule.path) or "//" in rule.path or "**" in rule.path.removesuffix("/**"):
        return f"{quoting.shown(rule.path)} is no path. One looks like /workflows/{{id}} or /workflows/**."
    if PUBLIC in rule.scopes:
        return "" if rule.scopes == (PUBLIC,) else "public stands alone: nobody needs a credential, so no scope either."
    missing = "" if known is None else quoting.strangers(rule.scopes, known)
    return f"there is no scope {missing}." if missing else ""


def _origins_problem(origins: tuple[str, ...]) -> str:
    if not 0 < len(origins) <= MAX_ORIGINS:
        return f"cors is followed by 1 to {MAX_ORIGINS} origins, such as cors https://app.example.com."
    for origin in origins:
        if redirect_uris.problem(origin) or redirect_uris.origin(origin) != origin:
            return f"{quoting.shown(origin)} is no origin. One looks like https://app.example.com: no path, no *."
    return ""


def _write(session: Session, name: str, rules: Sequence[Rule]) -> None:
    row = session.get(RouteTable, name, with_for_update=True)
    if row is None:
        row = RouteTable(name=name)
        session.add(row)
    row.rules = [_stored(each) for each in rules]
    row.updated_at = clock.now()
    _record(session, "route_table.updated", name, rules=len(rules))


def _record(session: Session, type: str, name: str, **data: Any) -> None:
    cache.touch(session, "routes")
    audit.record(session, type, target=f"route_table:{name}", **data)


def _load(_key: str) -> dict[str, Table]:
    with database.reading() as session:
        rows = session.scalars(select(RouteTable).order_by(RouteTable.name)).all()
    return {row.name: Table(row.name, tuple(_rule(each) for each in row.rules), row.updated_at) for row in rows}


def _stored(rule: Rule) -> dict[str, Any]:
    kept: dict[str, Any] = {"methods": list(rule.methods), "path": rule.path, "scopes": list(rule.scopes)}
    return kept | ({"origins": list(rule.origins)} if rule.origins else {})


def _rule(stored: dict[str, Any]) -> Rule:
    return Rule(tuple(stored["methods"]), stored["path"], tuple(stored["scopes"]), tuple(stored.get("origins", ())))


_tables: cache.Cache[dict[str, Table]] = cache.Cache("routes", _load)
