"""A share for everybody: of a worker's unfinished requests, and of the room where people wait (security.md E20)."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence

from authserver.domain.ground import throttle
from authserver.edge.exchange import Incoming
from authserver.lib import networks


class Shares:
    """Unfinished requests by address, counted in the event loop alone. `most` 0 counts nothing.

    A trusted proxy carries everybody's requests and has no share; it has means of its own (docs/operations.md).
    """

    def __init__(self, most: int, *, trusted: Sequence[str] = ()) -> None:
        self._most = most
        self._unfinished: Counter[str] = Counter()
        parsed = networks.parse(",".join(trusted))
        self._exempt = functools.lru_cache(maxsize=1024)(lambda ip: networks.contains(parsed, ip)) if parsed else None

    def take(self, address: str) -> bool:
        """Count one more; False, and nothing counted, if the address has as many as it may."""
        key = self._counted(address)
        if key is None:
            return True
        if self._unfinished[key] >= self._most:
            return False
        self._unfinished[key] += 1
        return True

    def give_back(self, address: str) -> None:
        """One of them is answered, or its client went away."""
        key = self._counted(address)
        if key is None:
            return
        left = self._unfinished[key] - 1
        if left > 0:
            self._unfinished[key] = left
        else:
            del self._unfinished[key]

    def _counted(self, address: str) -> str | None:
        """As what an address is counted: who has one of IPv6 has 2^64, which are one here as in every budget."""
        if not self._most or (self._exempt is not None and self._exempt(address)):
            return None
        return _key(address)


_key = functools.lru_cache(maxsize=4096)(throttle.address_key)


def whose(asked: Incoming) -> str:
    """The address that takes a share of a room, behind a trusted proxy the client's; empty for none that is known."""
    key = throttle.address_key(asked.ip)
    return "" if key == throttle.UNKNOWN else key
