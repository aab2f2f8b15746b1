"""GET /healthz, /readyz: whether the process lives, and whether it can work (contract 10)."""

from __future__ import annotations

from authserver.edge import readiness
from authserver.edge.exchange import Incoming, Outgoing

_JSON = [("Content-Type", "application/json")]


def alive(_incoming: Incoming) -> Outgoing:
    """The process answers: touches nothing else, so that a lost database restarts nobody."""
    return Outgoing(200, b'{"status":"ok"}', [*_JSON])


def ready(_incoming: Incoming) -> Outgoing:
    """One word and no reason, which is for the metrics bind alone. Waits for no database."""
    status, body = readiness.told()
    return Outgoing(status, body, [*_JSON, *([] if status == 200 else [("Retry-After", "2")])])
