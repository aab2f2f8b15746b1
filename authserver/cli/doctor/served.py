"""What server and worker that run here tell on their metrics binds: lost lines and storages, chores that failed."""

from __future__ import annotations

import contextlib
import http.client
import re
from collections.abc import Iterator

from authserver.cli.doctor.findings import Finding
from authserver.config import Settings
from authserver.observability import metrics

SECONDS = 5
_CHORE = "authserver_chore_failed"


def figures(settings: Settings) -> Iterator[Finding]:
    bind = settings.metrics_bind
    told = _asked(bind)
    if told is None:
        yield Finding("figures", "skip", f"no server answers on {bind}: what it has lost is not known")
    else:
        yield _log(told)
        yield _limits(told)
    yield _chores(bind)


def _chores(bind: str) -> Finding:
    """Of the worker, which is one port above the server; the demo is a server that does them itself."""
    beside = metrics.next_to(bind)
    told = (_asked(beside) or "") + (_asked(bind) or "")
    done = [(labels.partition('"')[2].rstrip('"}'), float(value)) for labels, value in _samples(told, _CHORE)]
    if not done:
        return Finding("chores", "skip", f"no worker answers on {beside}: whether its chores are done is not known")
    if failed := sorted(name for name, value in done if value):
        return Finding(
            "chores", "bad", f"failed when last tried: {', '.join(failed)}", "the worker's log: chore_failed"
        )
    return Finding("chores", "ok", "each was done when it was last due")


def _log(told: str) -> Finding:
    dropped = sum(float(value) for _, value in _samples(told, "authserver_log_lines_dropped_total"))
    if not dropped:
        return Finding("log lines", "ok", "none was dropped since the server started")
    remedy = "have somebody read the server's stderr, and look at the disk of who does"
    return Finding("log lines", "warn", f"{dropped:.0f} were dropped since the server started", remedy)


def _limits(told: str) -> Finding:
    samples = _samples(told, "authserver_rate_limit_storage_lost")
    lost = sorted({found[1] for labels, value in samples if float(value) and (found := re.search('="(.+?)"', labels))})
    if not lost:
        return Finding("rate limits", "ok", "all workers of this machine count together")
    remedy = "redis: AUTHSERVER_REDIS_URL; machine: AUTHSERVER_DATA_DIR"
    return Finding("rate limits", "bad", f"lost to a worker: {', '.join(lost)}; the next one grants half", remedy)


def _samples(told: str, name: str) -> list[tuple[str, str]]:
    """Labels and value of each series, in Prometheus' text format."""
    return re.findall(rf"^{name}(\{{.*\}})? (\S+)$", told, re.MULTILINE)


def _asked(bind: str) -> str | None:
    host, _, port = bind.rpartition(":")
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host.strip("[]"), host.strip("[]"))  # noqa: S104  # asked, not bound
    if not port.isdigit():
        return None
    with contextlib.closing(http.client.HTTPConnection(here, int(port), timeout=SECONDS)) as connection:
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            return None
