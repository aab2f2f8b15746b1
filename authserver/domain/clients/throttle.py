"""Slowing down who fails to authenticate as a client again and again, for each client and network."""

from __future__ import annotations

from authserver import config
from authserver.domain.ground import throttle
from authserver.domain.limits import rate_limits
from authserver.errors import Check, RateLimited
from authserver.lib import clock, durations, secrets
from authserver.observability import metrics

POLICY, LIMIT = "client-authentication", "100/minute"
MAX_REMEMBERED = 10_000
# Who is over the limit, until when. Each worker learns it from the next failure that it sees, so that requests which
# authenticate well cost one look into this and nothing else.
_over: dict[tuple[str, str], int] = {}  # by the folder of this installation and the bucket


def check(client_id: str, ip: str) -> None:
    """Raise RateLimited, for one that failed, while too many of this client failed from this network.

    An unknown client is counted like a known one, and somebody else's network is never locked out.
    """
    if not _over:
        return
    place = config.current().data_dir, _bucket(client_id, ip)
    until = _over.get(place)
    if until is None:
        return
    wait = until - clock.now()
    if wait > 0:
        metrics.RATE_LIMITED.labels(policy=POLICY).inc()
        again = durations.in_words(wait)
        text = f"Too many failed attempts. Check the client_id and its secret, and try again in {again}."
        refusal = RateLimited(text, f"client authentication, {ip}", retry_after=wait)
        raise refusal.because(Check("failed attempts", False, f"fewer than {LIMIT} of one network", LIMIT))
    _over.pop(place, None)


def note_failure(client_id: str, ip: str) -> None:
    """Count a failed authentication."""
    bucket = _bucket(client_id, ip)
    state = rate_limits.consume(POLICY, bucket, LIMIT)
    if state.remaining == 0:
        if len(_over) >= MAX_REMEMBERED:
            _over.clear()
        _over[config.current().data_dir, bucket] = clock.now() + state.resets_in


def _bucket(client_id: str, ip: str) -> str:
    # A digest has one length, whatever somebody sends as a client id.
    return secrets.digest(f"{client_id}\0{throttle.address_key(ip)}").hex()[:40]
