"""A proxy that nobody named: requests of many people from one peer, whose header is not believed (contract 11.43).

Everybody then has the proxy's address: one person's wrong passwords slow all others down. Nothing loosens by it.
"""

from __future__ import annotations

import threading

from authserver.domain.ground import usage
from authserver.lib import clock
from authserver.observability import logs

# One client that writes the header itself names a few addresses, a proxy as many as there are people.
PEOPLE = 20
MAX_PEERS = 256
METRIC = "unknown_proxy"

_lock = threading.Lock()
_seen: dict[str, set[str]] = {}
_told: dict[str, int] = {}


def notice(peer: str, forwarded_for: str) -> None:
    """Remember for whom an untrusted peer speaks; once it is many, say so: in the log once, for `doctor` each hour."""
    hour = clock.now() // usage.HOUR
    if _told.get(peer) == hour:
        return
    with _lock:
        if peer not in _seen and len(_seen) >= MAX_PEERS:
            return
        people = _seen.setdefault(peer, set())
        people.add(forwarded_for[-80:])
        if len(people) < PEOPLE:
            return
        first = peer not in _told
        _told[peer] = hour
    usage.count(METRIC, f"peer:{peer}"[:64])
    if first:
        logs.event("unknown_proxy", level="warning", peer=peer, remedy=f"AUTHSERVER_TRUSTED_PROXIES={peer}")
