"""May this request pass? One decision for every proxy (contract 7, "Gateway")."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from authserver.domain.access import gateway_routes, protected_resources, scopes
from authserver.domain.access.gateway_routes import Table
from authserver.domain.access.step_up import demanded
from authserver.domain.clients import clients
from authserver.edge import bearer, cors, json_errors, rate_limit, refused, step_up
from authserver.edge.bearer import Principal
from authserver.edge.exchange import Incoming, Outgoing
from authserver.edge.json_errors import ApiError
from authserver.gateway import original_request
from authserver.lib import scopes as grammar
from authserver.observability import context, logs, metrics

VERIFIER = "gateway"
# What a refusal repeats of the proxy's configuration: names of tables and scopes are made of these signs alone.
MAX_NAME = 60
_SIGNS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/+-")
NAMES = "It must be scopes joined by +, the name of a route table kept here, methods, any, or public alone."


@dataclass(frozen=True, slots=True)
class Requirement:
    """The scopes that are needed, nothing at all, or in a sentence for the operator why nobody may pass."""

    scopes: tuple[str, ...] = ()
    problem: str = ""
    public: bool = False


def decide(incoming: Incoming, needed: str, *, proxy: str, own: tuple[str, str] | None = None) -> Outgoing:
    """200 with all identity headers, or 401, 403, 429 with all of them empty.

    `needed` is what the operator wrote into the proxy's configuration: nothing that a client sends chooses it, except
    the original method and path, which can only add to it. `own` is the original (method, path) where the proxy puts
    them into the request line.
    """
    limit_headers: list[tuple[str, str]] = []
    required = Requirement()
    holder: Principal | None = None
    try:
        required = requirements(incoming, needed, own)
        if required.public:
            return _passes(proxy, None, [])
        at = bearer.owners(required.scopes)
        holder = rate_limit.identified(incoming, verifier=VERIFIER, resources=bearer.owning(required.scopes))
        state = rate_limit.enforce(holder, at)
        limit_headers = rate_limit.headers(state)
        # What no rule knows is refused to everybody, after it was counted like any refusal.
        if required.problem:
            raise json_errors.unpassable(holder.kind, required.problem)
        bearer.require(holder, *required.scopes)
        step_up.require(holder, demanded(at))
    except ApiError as refusal:
        refused.note(incoming, refusal, holder, kind="gateway")
        metrics.GATEWAY_DECISIONS.labels(proxy=proxy, decision=str(refusal.status)).inc()
        # nginx drops the body of a refusal, so its code stands in a header too.
        told = [*limit_headers, *identity(None), ("X-Auth-Error", refusal.code), *_for_page(incoming, needed)]
        return _described(json_errors.respond(refusal, told), incoming, bearer.owning(required.scopes), own)
    return _passes(proxy, holder, limit_headers)


def _passes(proxy: str, holder: Principal | None, more: list[tuple[str, str]]) -> Outgoing:
    metrics.GATEWAY_DECISIONS.labels(proxy=proxy, decision="200").inc()
    return Outgoing(200, headers=[*more, *identity(holder)])


def _for_page(incoming: Incoming, needed: str) -> list[tuple[str, str]]:
    """What lets a page of a listed origin read why it was refused; on good answers the API says it."""
    table, origin = gateway_routes.find(needed), incoming.header("origin")
    if table is None or not table.origins:
        return []
    granted = [("Access-Control-Allow-Origin", origin), ("Access-Control-Expose-Headers", ", ".join(cors.EXPOSED))]
    return [("Vary", "Origin"), *(granted if origin in table.origins else [])]


def _described(outgoing: Outgoing, incoming: Incoming, owners: Iterable[str], own: tuple[str, str] | None) -> Outgoing:
    """The API behind the proxy is mostly somebody else's: a challenge names a description at our host alone.

    The request must be for it (RFC 9728 section 3.3), and its tokens must be good here (contract 11.5).
    """
    paths = {*original_request.paths(incoming), *([own[1]] if own else [])}
    for owner in owners:
        if paths and all(protected_resources.covers(owner, path) for path in paths):
            return json_errors.point_to(outgoing, protected_resources.metadata_url(owner))
    return outgoing


def requirements(incoming: Incoming, needed: str, own: tuple[str, str] | None) -> Requirement:
    """What is needed; a problem when nothing could satisfy it: an unknown name, or no rule for the path."""
    if needed in ("", "any"):
        return Requirement()
    if needed == gateway_routes.PUBLIC:
        return Requirement(public=True)
    if needed == "methods" or needed in gateway_routes.all():
        return _by_route(incoming, needed, own)
    wanted = tuple(dict.fromkeys(needed.split("+")))
    known = scopes.all().keys()
    unknown = [_printable(name) for name in wanted if name not in known]
    if unknown:
        said, names = _printable(needed), ", ".join(f'"{name}"' for name in unknown[:5])
        logs.event("gateway_misconfigured", level="warning", needed=said, unknown=unknown[:5], tables=_tables())
        asked = f'The proxy\'s configuration asks for "{said}"'
        return Requirement(problem=f"{asked}, but {names} is unknown here. {NAMES}")
    return Requirement(wanted)


def identity(holder: Principal | None) -> list[tuple[str, str]]:
    """All identity headers, always: an empty one overwrites a forged one."""
    return [
        ("X-Auth-Subject", holder.subject if holder else ""),
        ("X-Auth-Client-Id", _named(holder.client_id) if holder and holder.client_id else ""),
        ("X-Auth-Scope", grammar.join(sorted(holder.scopes)) if holder else ""),
        ("X-Auth-Credential", holder.kind if holder else ""),
        ("X-Auth-Permission", (holder.permission or "") if holder else ""),
    ]


def _named(client_id: str) -> str:
    """A client as its tokens name it: one that a document describes by its URL."""
    found = clients.find(client_id)
    return found.client_id if found is not None else client_id


def _printable(name: str) -> str:
    """A name as a refusal and the log may repeat it: whatever somebody typed, short and without surprises."""
    shown = "".join(sign if sign in _SIGNS else "?" for sign in name[:MAX_NAME])
    return f"{shown}…" if len(name) > MAX_NAME else shown


def _tables() -> list[str]:
    return sorted(gateway_routes.all())[:20]


def _by_route(incoming: Incoming, table: str, own: tuple[str, str] | None) -> Requirement:
    own_method, own_path = own or (None, None)
    if table == "methods":
        said = [*([own_method] if own_method else []), *original_request.methods(incoming)]
        return _sum(table, (_of_method(method) for method in said))
    pairs = list(original_request.pairs(incoming, own_method, own_path))
    if not all(original_request.is_plain(path) for _, path in pairs):
        context.current().log["error"] = "the path can be read in two ways"
        return Requirement(problem="The original path can be read in two ways: it has dots, doubled or odd signs.")
    routes = gateway_routes.get(table)
    if _is_preflight(incoming, routes, pairs):
        return Requirement(public=True)
    return _sum(table, (routes.needed(method, path) for method, path in pairs))


def _is_preflight(incoming: Incoming, routes: Table, pairs: list[tuple[str, str]]) -> bool:
    """A browser's question before a page of a listed origin calls what the table knows: it never has a credential."""
    asked = incoming.header("access-control-request-method")
    if not asked or incoming.header("origin") not in routes.origins:
        return False
    return bool(pairs) and all(method == "OPTIONS" and routes.needed(asked, path) is not None for method, path in pairs)


def _of_method(method: str) -> tuple[str, ...] | None:
    scope = gateway_routes.BY_METHOD.get(method)
    return (scope,) if scope else None


def _sum(table: str, each: Iterable[tuple[str, ...] | None]) -> Requirement:
    """The requirements added up; a problem if there are none at all, or one of them has no rule."""
    found = list(each)
    if not found:
        wanted = "method" if table == "methods" else "method and path"
        return Requirement(problem=f"The proxy passes no original {wanted} on; {table} decides by them.")
    if None in found:
        return Requirement(problem=f"{table} has no rule for this request.")
    needed = gateway_routes.added(each for each in found if each is not None)
    return Requirement(public=True) if needed == (gateway_routes.PUBLIC,) else Requirement(needed)
