"""The limit of each credential, and the headers that tell of it on every answer (contract 6, ux.md 2.12)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from authserver.domain.limits import rate_limits
from authserver.domain.limits.rate_limits import State
from authserver.domain.tokens.server_jwts import OverLimit
from authserver.edge import bearer, json_errors
from authserver.edge.bearer import Principal
from authserver.edge.exchange import Incoming
from authserver.errors import Check

Headers = list[tuple[str, str]]


def identified(incoming: Incoming, *, verifier: str, resources: Collection[str] = ()) -> Principal:
    """Who sends this request, as `bearer.principal`; 429 for a client's own JWT when its limit is reached.

    Such a JWT stays unused, so that nothing is stored for a request that is refused. Raises ApiError.
    """
    try:
        return bearer.principal(incoming, verifier=verifier, resources=resources)
    except OverLimit as over:
        raise refusal(over.state) from None


def enforce(holder: Principal) -> State:
    """Count this request; the state's headers belong on its answer, whatever that is. Raises ApiError (429)."""
    state = consume(holder)
    if not state.allowed:
        raise refusal(state)
    return state


def consume(holder: Principal) -> State:
    """Count this request, and say whether it is still within the limit."""
    return rate_limits.consume(holder.rate_policy, holder.rate_key, holder.rate_limit, subject=holder.counted_as)


def peek(holder: Principal) -> State:
    """How the limit stands, without counting."""
    return rate_limits.peek(holder.rate_policy, holder.rate_key, holder.rate_limit)


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
