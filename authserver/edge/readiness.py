"""Whether this process can work: one word in public, every check with its reason for operators (contract 10)."""

from __future__ import annotations

import json
from collections.abc import Callable

from authserver.domain.running import standing
from authserver.edge import draining

STARTING, STOPPING = "starting", "stopping"
_listening: Callable[[], bool] | None = None


def follow(listening: Callable[[], bool]) -> None:
    """For a process beside those that answer requests: not ready until one of them listens, which this tells."""
    global _listening
    _listening = listening


def told() -> tuple[int, bytes]:
    """Status and JSON for anybody: 503 when it cannot work, and first of all when it is about to stop."""
    return _told(not draining.started() and standing.ask().ready)


def explained() -> tuple[int, bytes]:
    """The same with every check, for the metrics bind."""
    checks = {"serving": _serving(), **standing.ask().checks}
    return _told(all(said == standing.OK for said in checks.values()), checks=checks)


def _serving() -> str:
    if draining.started():
        return STOPPING
    return STARTING if _listening is not None and not _listening() else standing.OK


def _told(ready: bool, **more: object) -> tuple[int, bytes]:
    return (200 if ready else 503), json.dumps({"status": "ok" if ready else "not ready", **more}).encode()
