"""May this request pass? One decision for every proxy (contract 7, "Gateway")."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from authserver.domain.access import gateway_routes, protected_resources, scopes
from authserver.edge import bearer, json_errors, rate_limit, refused
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
NAMES = "It must be scopes joined by +, the name of a route table kept here, methods, or any."


@dataclass(frozen=True, slots=True)
class Requirement:
    """The scopes that are needed, or in a sentence for the operator why nobody may pass."""

    scopes: tuple[str, ...] = ()
    problem: str = ""


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
        holder = rate_limit.identified(incoming, verifier=VERIFIER, resources=bearer.owning(required.scopes))
        state = rate_limit.enforce(holder)
        limit_headers = rate_limit.headers(state)
        # What no rule knows is refused to everybody, after it was counted like any refusal.
        if required.problem:
            raise json_errors.unpassable(holder.kind, required.problem)
        bearer.require(holder, *required.scopes)
    except ApiError as refusal:
        refused.note(incoming, refusal, holder, kind="gateway", needed=required.scopes)
        metrics.GATEWAY_DECISIONS.labels(proxy=proxy, decision=str(refusal.status)).inc()
        # nginx drops the body of a refusal, so its code stands in a header too.
        outgoing = json_errors.respond(refusal, [*limit_headers, *identity(None), ("X-Auth-Error", refusal.code)])
        return _described(outgoing, incoming, bearer.owning(required.scopes), own)
    metrics.GATEWAY_DECISIONS.labels(proxy=proxy, decision="200").inc()
    return Outgoing(200, headers=[*limit_headers, *identity(holder)])


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
        ("X-Auth-Client-Id", (holder.client_id or "") if holder else ""),
        ("X-Auth-Scope", grammar.join(sorted(holder.scopes)) if holder else ""),
        ("X-Auth-Credential", holder.kind if holder else ""),
        ("X-Auth-Permission", (holder.permission or "") if holder else ""),
    ]


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
    return _sum(table, (routes.needed(method, path) for method, path in pairs))


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
    return Requirement(tuple(dict.fromkeys(scope for needed in found if needed for scope in needed)))
