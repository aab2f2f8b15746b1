"""What the server that runs here tells on its metrics bind: lines of its log and storages of rate limits it lost."""

from __future__ import annotations

import contextlib
import http.client
import re
from collections.abc import Iterator

from authserver.cli.doctor.findings import Finding
from authserver.config import Settings

SECONDS = 5


def figures(settings: Settings) -> Iterator[Finding]:
    bind = settings.metrics_bind
    told = _asked(bind)
    if told is None:
        yield Finding("figures", "skip", f"no server answers on {bind}: what it has lost is not known")
        return
    yield _log(told)
    yield _limits(told)


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
