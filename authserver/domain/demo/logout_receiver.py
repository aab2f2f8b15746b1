"""What an app's receiver of logout tokens does, in the demo (OpenID Connect Back-Channel Logout 1.0, 2.6)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from authserver import config
from authserver.domain.clients import clients
from authserver.domain.signing import keys as signing_keys
from authserver.domain.tokens.backchannel_logout import EVENT, TYP
from authserver.lib import clock, jwt

PATH = "/demo/logout-receiver"
KEPT = 50
_ALGS = frozenset({"RS256", "PS256", "ES256", "EdDSA"})
_heard: deque[Heard] = deque(maxlen=KEPT)


@dataclass(frozen=True, slots=True)
class Heard:
    """A logout token that was good: whose sign-in it ends, for which app."""

    at: int
    client_id: str
    sid: str
    token: str


def take(token: str) -> Heard | None:
    """Check a token as any app has to, and keep it; None for what is none. Anybody on this machine can send one."""
    try:
        claims = jwt.verify(token, signing_keys.verifying(), algs=_ALGS, typ=TYP)
    except jwt.InvalidToken:
        return None
    if not _is_good(claims):
        return None
    found = Heard(clock.now(), str(claims["aud"]), str(claims["sid"]), token)
    _heard.appendleft(found)
    return found


def of(sid: str) -> list[Heard]:
    """What was heard of one sign-in, newest first: its id is known to its apps alone."""
    return [each for each in _heard if each.sid == sid]


def _is_good(claims: dict[str, Any]) -> bool:
    """Steps 3 to 6: ours, for an app of this server, fresh, about a sign-out, and never with a nonce."""
    now, events = clock.now(), claims.get("events")
    return (
        claims.get("iss") == config.current().issuer
        and isinstance(claims.get("aud"), str)
        and clients.find(claims["aud"]) is not None
        and isinstance(claims.get("exp"), int)
        and claims["exp"] + clock.LEEWAY >= now
        and isinstance(events, dict)
        and EVENT in events
        and "nonce" not in claims
        and isinstance(claims.get("sid"), str)
    )
