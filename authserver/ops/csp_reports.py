"""POST /csp-reports: what browsers refused to load (CSP Level 3, section 5), into the log and nowhere else."""

from __future__ import annotations

import json
import threading
from typing import Any

from authserver.edge.exchange import Incoming, Outgoing
from authserver.lib import clock
from authserver.observability import logs

MAX_BYTES = 8 * 1024
PER_MINUTE = 60
TYPES = ("application/csp-report", "application/reports+json", "application/json")
KEPT = ("document-uri", "documentURL", "effective-directive", "effectiveDirective", "blocked-uri", "blockedURL")

_lock = threading.Lock()
_window = [0, 0]  # minute, reports in it


def respond(incoming: Incoming) -> Outgoing:
    """Take a report. Anybody can send one, so little is read and little is kept."""
    if len(incoming.body) > MAX_BYTES:
        return Outgoing(413)
    if not incoming.header("content-type").lower().startswith(TYPES):
        return Outgoing(415)
    if not _has_room():
        return Outgoing(429, headers=[("Retry-After", "60")])
    for report in _parse(incoming.body):
        logs.event("csp_report", level="warning", **report)
    return Outgoing(204)


def _has_room() -> bool:
    minute = clock.now() // 60
    with _lock:
        if _window[0] != minute:
            _window[:] = [minute, 0]
        _window[1] += 1
        return _window[1] <= PER_MINUTE


def _parse(body: bytes) -> list[dict[str, str]]:
    try:
        read: Any = json.loads(body)
    except (ValueError, RecursionError):
        return []
    found = read if isinstance(read, list) else [read]
    return [_kept(each) for each in found[:5] if isinstance(each, dict)]


def _kept(report: dict[str, Any]) -> dict[str, str]:
    inner = report.get("csp-report") or report.get("body") or report
    if not isinstance(inner, dict):
        return {}
    # Addresses lose their query: a code or a token may stand in it.
    return {name.replace("-", "_"): str(inner[name]).partition("?")[0][:200] for name in KEPT if name in inner}
