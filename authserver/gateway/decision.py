"""May this request pass? One decision for every proxy (contract 7, "Gateway")."""

from __future__ import annotations

from collections.abc import Iterable

from authserver.domain import gateway_routes, scopes
from authserver.edge import bearer, json_errors, rate_limit, refused
from authserver.edge.bearer import Principal
from authserver.edge.exchange import Incoming, Outgoing
from authserver.edge.json_errors import ApiError
from authserver.gateway import original_request
from authserver.lib import scopes as grammar
from authserver.observability import context, logs, metrics

VERIFIER = "gateway"
# No credential holds this: what no rule knows is refused to everybody, after it was counted like any refusal.
UNREACHABLE = ("",)


def decide(incoming: Incoming, needed: str, *, proxy: str, own: tuple[str, str] | None = None) -> Outgoing:
    """200 with all identity headers, or 401, 403, 429 with all of them empty.

    `needed` is what the operator wrote into the proxy's configuration: nothing that a client sends chooses it, except
    the original method and path, which can only add to it. `own` is the original (method, path) where the proxy puts
    them into the request line.
    """
    limit_headers: list[tuple[str, str]] = []
    required: tuple[str, ...] | None = None
    holder: Principal | None = None
    try:
        required = requirements(incoming, needed, own)
        holder = bearer.principal(incoming, verifier=VERIFIER, resources=bearer.owning(required or ()))
        state = rate_limit.enforce(holder)
        limit_headers = rate_limit.headers(state)
        bearer.require(holder, *(required if required is not None else UNREACHABLE))
    except ApiError as refusal:
        refused.note(incoming, refusal, holder, kind="gateway", needed=required or ())
        metrics.GATEWAY_DECISIONS.labels(proxy=proxy, decision=str(refusal.status)).inc()
        # nginx drops the body of a refusal, so its code stands in a header too.
        return json_errors.respond(refusal, [*limit_headers, *identity(None), ("X-Auth-Error", refusal.code)])
    metrics.GATEWAY_DECISIONS.labels(proxy=proxy, decision="200").inc()
    return Outgoing(200, headers=[*limit_headers, *identity(holder)])


def requirements(incoming: Incoming, needed: str, own: tuple[str, str] | None) -> tuple[str, ...] | None:
    """The scopes that are needed, or None when nothing could satisfy them: an unknown name, or no rule for the path."""
    if needed in ("", "any"):
        return ()
    if needed == "methods" or needed in gateway_routes.all():
        return _by_route(incoming, needed, own)
    wanted = tuple(dict.fromkeys(needed.split("+")))
    if not set(wanted) <= scopes.all().keys():
        logs.event("gateway_misconfigured", level="warning", needed=needed[:200])
        return None
    return wanted


def identity(holder: Principal | None) -> list[tuple[str, str]]:
    """All identity headers, always: an empty one overwrites a forged one."""
    return [
        ("X-Auth-Subject", holder.subject if holder else ""),
        ("X-Auth-Client-Id", (holder.client_id or "") if holder else ""),
        ("X-Auth-Scope", grammar.join(sorted(holder.scopes)) if holder else ""),
        ("X-Auth-Credential", holder.kind if holder else ""),
        ("X-Auth-Permission", (holder.permission or "") if holder else ""),
    ]


def _by_route(incoming: Incoming, table: str, own: tuple[str, str] | None) -> tuple[str, ...] | None:
    own_method, own_path = own or (None, None)
    if table == "methods":
        said = [*([own_method] if own_method else []), *original_request.methods(incoming)]
        return _sum(_of_method(method) for method in said)
    pairs = list(original_request.pairs(incoming, own_method, own_path))
    if not all(original_request.is_plain(path) for _, path in pairs):
        context.current().log["error"] = "the path can be read in two ways"
        return None
    routes = gateway_routes.get(table)
    return _sum(routes.needed(method, path) for method, path in pairs)


def _of_method(method: str) -> tuple[str, ...] | None:
    scope = gateway_routes.BY_METHOD.get(method)
    return (scope,) if scope else None


def _sum(each: Iterable[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    """The requirements added up; None if there are none at all, or one of them has no rule."""
    found = list(each)
    if not found or None in found:
        return None
    return tuple(dict.fromkeys(scope for needed in found if needed for scope in needed))
