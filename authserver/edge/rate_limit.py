"""The limit of each credential, and the headers that tell of it on every answer (contract 6, ux.md 2.12)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from authserver import config
from authserver.domain.access import resources
from authserver.domain.clients import clients
from authserver.domain.ground import usage
from authserver.domain.limits import rate_limits
from authserver.domain.limits.rate_limits import State
from authserver.domain.tokens.server_jwts import OverLimit
from authserver.edge import bearer, json_errors
from authserver.edge.bearer import Principal
from authserver.edge.exchange import Incoming
from authserver.errors import Check

Headers = list[tuple[str, str]]
OPEN = "open-api"
"""The policy of what a person's self-registered apps do together at an API that is open to them (contract 12)."""


def identified(incoming: Incoming, *, verifier: str, resources: Collection[str] = ()) -> Principal:
    """Who sends this request, as `bearer.principal`; 429 for a client's own JWT when its limit is reached.

    Such a JWT stays unused, so that nothing is stored for a request that is refused. Raises ApiError.
    """
    try:
        return bearer.principal(incoming, verifier=verifier, resources=resources)
    except OverLimit as over:
        raise refusal(over.state) from None


def enforce(holder: Principal, at: Iterable[str] = ()) -> State:
    """Count this request; the state's headers belong on its answer, whatever that is. Raises ApiError (429)."""
    state = consume(holder, at)
    if not state.allowed:
        raise refusal(state)
    return state


def consume(holder: Principal, at: Iterable[str] = ()) -> State:
    """Count this request, and say whether it is still within the limit; within that of the APIs that it is for, too."""
    states = []
    for bucket, limit in _at(holder, at):
        states.append(rate_limits.consume(OPEN, bucket, limit))
        if not states[-1].allowed:
            usage.count(rate_limits.REFUSED, holder.counted_as)
            return states[-1]
    own = rate_limits.consume(holder.rate_policy, holder.rate_key, holder.rate_limit, subject=holder.counted_as)
    return _tightest(own, *states)


def peek(holder: Principal, at: Iterable[str] = ()) -> State:
    """How the limit stands, without counting."""
    own = rate_limits.peek(holder.rate_policy, holder.rate_key, holder.rate_limit)
    return _tightest(own, *(rate_limits.peek(OPEN, bucket, limit) for bucket, limit in _at(holder, at)))


def _at(holder: Principal, at: Iterable[str]) -> list[tuple[str, str]]:
    """Buckets and limits at open APIs: there a person's apps that registered themselves count as one.

    Anybody may register another one, and each has a limit of its own.
    """
    client = clients.find(holder.client_id) if holder.client_id else None
    if client is None or not client.self_registered:
        return []
    found = [resources.all()[each] for each in at if each in resources.all()]
    general, person = config.current().rate_limit_oauth, holder.owner_id or holder.subject
    return [(f"{resources.id_of(each.identifier)}:{person}", each.open_rate_limit or general) for each in found]


def _tightest(*states: State) -> State:
    return min(states, key=lambda state: (state.allowed, state.remaining))


def members(state: State) -> dict[str, Any]:
    """How a limit stands, wherever JSON tells of it; `window` in seconds, `reset` in epoch seconds as in the header."""
    return {
        "policy": state.policy,
        "limit": state.limit,
        "window": state.window,
        "remaining": state.remaining,
        "reset": state.reset_at,
    }


def refusal(state: State) -> json_errors.ApiError:
    """The 429 of a limit that is reached, with its headers."""
    details = f"Policy {state.policy}: {state.limit} requests in {state.window} seconds."
    error = json_errors.rate_limited(details, state.retry_after)
    error.headers += headers(state)
    error.checks = (Check("rate limit", False, f"{state.limit} in {state.window} s", "one request more"),)
    return error


def headers(state: State) -> Headers:
    """The three well-known headers, and the two of the IETF draft."""
    return [
        ("X-RateLimit-Limit", str(state.limit)),
        ("X-RateLimit-Remaining", str(state.remaining)),
        ("X-RateLimit-Reset", str(state.reset_at)),
        ("RateLimit-Policy", f'"{state.policy}";q={state.limit};w={state.window}'),
        ("RateLimit", f'"{state.policy}";r={state.remaining};t={state.resets_in}'),
    ]
