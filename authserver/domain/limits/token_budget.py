"""How many tokens one client, one grant, or a public client's address may ask for (contract 2, RATE_LIMIT_TOKEN).

Counted once the client has proven itself, so that nobody spends another's budget, and before anything is stored.
"""

from __future__ import annotations

from authserver import config
from authserver.domain.ground import throttle
from authserver.domain.limits import rate_limits, stored_rows
from authserver.domain.limits.rate_limits import State
from authserver.errors import Check, RateLimited
from authserver.lib import durations, secrets
from authserver.observability import context

POLICY = "token"


def counts() -> bool:
    """Whether there is a budget: then a token waits for whoever counts."""
    return _limit() is not None


def spend_of_client(client_id: str) -> None:
    """One token for a client itself. Raises RateLimited."""
    _spend(f"client {client_id}")


def spend_of_address(client_id: str) -> None:
    """One request of a client that proves nothing, from where it came. Raises RateLimited."""
    _spend(f"public {secrets.digest(client_id).hex()[:32]} {throttle.address_key(context.current().ip)}")


def require_open(refresh_token: str) -> None:
    """Refuse a refresh token whose grant had used its budget up when it was handed out. Raises RateLimited.

    A token does not tell its grant, and once it is spent a refusal would lose its successor: so the answer that uses
    the budget up marks the token in it.
    """
    limit = _limit() or stored_rows.CEILINGS["refresh_token"]
    state = rate_limits.peek(POLICY, _mark(refresh_token), _once(limit))
    if not state.allowed:
        raise _refusal(state, limit, "grant")


def count_refresh(grant_id: str, successor: str) -> None:
    """Count one refresh of a grant; never refuses, since the token that was presented is spent."""
    limit = _limit()
    over = not stored_rows.has_room("refresh_token", grant_id)
    if limit is not None:
        over = rate_limits.consume(POLICY, f"grant {grant_id}", limit).remaining == 0 or over
    if over:
        rate_limits.consume(POLICY, _mark(successor), _once(limit or stored_rows.CEILINGS["refresh_token"]))


def _spend(bucket: str) -> None:
    limit = _limit()
    if limit is None:
        return
    state = rate_limits.consume(POLICY, bucket, limit)
    if not state.allowed:
        raise _refusal(state, limit, bucket)


def _limit() -> str | None:
    limit = config.current().rate_limit_token
    return None if limit == "off" else limit


def _mark(refresh_token: str) -> str:
    return f"next {secrets.digest(refresh_token).hex()[:40]}"


def _once(limit: str) -> str:
    return "1/" + limit.partition("/")[2]


def _refusal(state: State, limit: str, bucket: str) -> RateLimited:
    wait = durations.in_words(state.retry_after)
    text = f"Too many token requests: {limit.replace('/', ' a ')} are allowed. Try again in {wait}."
    refusal = RateLimited(text, f"token budget spent: {bucket}", retry_after=state.retry_after)
    return refusal.because(Check("token requests", False, limit, "one request more"))
