"""Rate limits: fixed windows from the first request, in storages of the `limits` library (contract 11.17)."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import limits

from authserver.domain.ground import usage
from authserver.domain.limits import tiers as rate_limit_tiers
from authserver.lib import clock
from authserver.observability import metrics

API_KEY, OAUTH, JWT = "api-key", "oauth", "jwt"
# What is counted for /usage, by the hour: requests that were let through, and those that were not.
REQUESTS, REFUSED = "requests", "rate_limited"


@dataclass(frozen=True, slots=True)
class State:
    """How a limit stands after this request.

    `reset_at` in epoch seconds; `window`, `resets_in` and `retry_after` (0 unless refused) in seconds.
    """

    policy: str
    limit: int
    window: int
    remaining: int
    reset_at: int
    resets_in: int
    allowed: bool = True
    retry_after: int = 0


def consume(policy: str, bucket: str, limit: str, *, subject: str = "") -> State:
    """Take one of a bucket's requests. A request that is refused is not counted (contract 11.17).

    `policy` names the kind of limit, `limit` is a text such as `1000/hour`. With a `subject` (`key:…`, `client:…`)
    the figures of /usage count it. A limit that was changed applies from here on, to what was used before too.
    """
    amount, window = parsed(limit)
    taken = rate_limit_tiers.take(_key(policy, bucket), window, amount)
    state = _state(policy, window, taken)
    if subject:
        usage.count(REQUESTS if state.allowed else REFUSED, subject)
    if not state.allowed:
        metrics.RATE_LIMITED.labels(policy=policy).inc()
    return state


def peek(policy: str, bucket: str, limit: str) -> State:
    """How a limit stands, without taking anything; `allowed` says whether the next request would be."""
    amount, window = parsed(limit)
    return _state(policy, window, rate_limit_tiers.look(_key(policy, bucket), window, amount))


def named(policy: str, bucket: str) -> str:
    """One name for a bucket of a credential, of whatever kind; a key's own is named by itself, as it always was."""
    return bucket if policy == API_KEY else _key(policy, bucket)


def of_key(own: str, counted_with: str) -> tuple[str, str]:
    """Policy and bucket in which an API key counts: its own, or one that is `named` so."""
    policy, named_so, bucket = counted_with.partition("/")
    return (policy, bucket) if named_so else (API_KEY, counted_with or own)


@functools.lru_cache(maxsize=1024)
def parsed(limit: str) -> tuple[int, int]:
    """(requests, seconds) of a text such as `1000/hour`. Raises ValueError."""
    item = limits.parse(limit)
    return item.amount, item.get_expiry()


def within(limit: str, ceiling: str) -> bool:
    """Whether no window of the ceiling's length can see more than the ceiling under this limit. Raises ValueError.

    A longer window may be spent in its first minute, so its whole amount counts; shorter ones are added up.
    """
    (amount, seconds), (most, most_seconds) = parsed(limit), parsed(ceiling)
    return amount * max(1, -(-most_seconds // seconds)) <= most


def _key(policy: str, bucket: str) -> str:
    # Neither amount nor window is part of it: a changed limit judges what was used already.
    return f"{policy}/{bucket}"


def _state(policy: str, window: int, taken: rate_limit_tiers.Taken) -> State:
    now_us = clock.now_us()
    wait = max(1, -(-(taken.ends_us - now_us) // 1_000_000))
    return State(
        policy=policy,
        limit=taken.limit,
        window=window,
        remaining=max(0, taken.limit - taken.count),
        reset_at=-(-taken.ends_us // 1_000_000),
        resets_in=wait,
        allowed=taken.allowed,
        retry_after=0 if taken.allowed else wait,
    )
