"""How many rows one client or one grant may leave behind, so that none of them fills the disk (security.md E21).

Far beyond what anybody needs, and there when the limits of requests are switched off, too.
"""

from __future__ import annotations

from authserver.domain.limits import rate_limits
from authserver.errors import Check, RateLimited
from authserver.lib import durations

POLICY = "stored"
CEILINGS = {
    "access_token": "50000/hour",  # opaque ones of a client for itself, which live an hour
    "assertion": "100000/hour",  # client assertions, of which each request needs one of its own
    "jti": "20000/hour",  # single-use JWTs of a client, shown to those who introspect
    "revocation": "20000/hour",  # access tokens that one owner's apps give back, each an event for good
    "revocation_of_person": "2000/hour",  # of these one person's: without a secret they give back themselves
    "refresh_token": "20000/day",  # successors in one grant; spent ones stay until the family ends
}


def require_room(kind: str, holder: str) -> None:
    """Count a row that is about to be stored. Raises RateLimited."""
    if not has_room(kind, holder):
        wait = rate_limits.peek(POLICY, f"{kind} {holder}", CEILINGS[kind]).resets_in
        text = f"Too much was stored for this client. Try again in {durations.in_words(wait)}."
        refusal = RateLimited(text, f"stored rows: {kind} of {holder}", retry_after=wait)
        raise refusal.because(Check("stored tokens", False, f"at most {CEILINGS[kind]}", "one more"))


def has_room(kind: str, holder: str) -> bool:
    """Count a row that is about to be stored; False if that were more than anybody may."""
    return rate_limits.consume(POLICY, f"{kind} {holder}", CEILINGS[kind]).allowed
