"""Answers about credentials that may be repeated for a moment, where the operator allows it (contract 2).

`AUTHSERVER_INTROSPECTION_CACHE` says for how many milliseconds, a second at most: within what a revocation has to reach
every node. Whatever this process records in the audit log ends all of its answers at once.
"""

from __future__ import annotations

import threading
import time

from authserver import config
from authserver.domain.record import audit
from authserver.domain.tokens import inspection
from authserver.domain.tokens.inspection import Inspection
from authserver.lib import clock, secrets

MOST = 10_000
# Of these a second look says the same; a client's own JWT is good once, and refresh tokens are not asked about often.
REPEATED = frozenset({"access_token", "api_key"})
Key = tuple[str, str, bytes]


class Answers:
    """Good answers by who asked, from where, about what; each until its moment, all until something changes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Key, tuple[float, Inspection]] = {}
        self._age = 0

    def forget(self) -> None:
        """Something changed: nothing known holds any more, nor what is being looked up."""
        with self._lock:
            self._age += 1
            self._known.clear()

    def find(self, key: Key) -> Inspection | None:
        """The answer of a moment ago, unless it ended meanwhile."""
        until, found = self._known.get(key, (0.0, None))
        if found is None or until <= time.monotonic() or found.claims.get("exp", clock.now() + 1) <= clock.now():
            return None
        return found

    def look_up(self, key: Key, presented: str, *, ip: str, verifier: str) -> Inspection | None:
        """Ask the database, and keep what is good unless something changed during that."""
        age = self._age
        found = inspection.inspect(presented, ip=ip, verifier=verifier)
        if found is not None and found.credential in REPEATED:
            self._keep(key, found, age)
        return found

    def _keep(self, key: Key, found: Inspection, age: int) -> None:
        until = time.monotonic() + config.current().introspection_cache / 1000
        with self._lock:
            if age != self._age:
                return
            self._known.pop(key, None)
            while len(self._known) >= MOST:
                del self._known[next(iter(self._known))]
            self._known[key] = until, found


_answers = Answers()
audit.tell_of_changes(_answers.forget)


def inspect(presented: str, caller: str, *, ip: str = "", verifier: str = "") -> Inspection | None:
    """As `inspection.inspect`, or for the same caller the same as a moment ago."""
    if not config.current().introspection_cache:
        return inspection.inspect(presented, ip=ip, verifier=verifier)
    key = caller, ip, secrets.digest(presented)
    return _answers.find(key) or _answers.look_up(key, presented, ip=ip, verifier=verifier)
