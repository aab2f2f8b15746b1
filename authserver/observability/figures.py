"""Prometheus figures (ux.md 4.5), added up over the worker processes of one machine.

`new_folder` must be called before this module's figures are first used in a process: the library chooses how to
store values when they are made. No label names a client or a person, so that their number stays small.
"""

from __future__ import annotations

import atexit
import importlib.metadata
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

Page = Callable[[], tuple[int, bytes]]

registry = CollectorRegistry()


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"authserver_{name}", text, labels, registry=registry)


BUILD_INFO = Gauge(
    "authserver_build_info", "Version of this build.", ["version"], registry=registry, multiprocess_mode="mostrecent"
)
HTTP_REQUESTS = _counter("http_requests", "Requests by route, method and status.", "route", "method", "code")
HTTP_SECONDS = Histogram(
    "authserver_http_request_duration_seconds", "Time to answer.", ["route"], buckets=_SECONDS, registry=registry
)
TOKENS_ISSUED = _counter("tokens_issued", "Tokens handed out.", "grant", "kind")
TOKEN_ERRORS = _counter("token_errors", "Token requests refused.", "grant", "error")
INTROSPECTIONS = _counter("introspections", "Introspections answered.", "active")
REFRESH_REUSE = _counter("refresh_reuse_detected", "Spent refresh tokens presented again after the grace.")
GATEWAY_DECISIONS = _counter("gateway_decisions", "Decisions for proxies.", "proxy", "decision")
RATE_LIMITED = _counter("rate_limited", "Requests refused by a rate limit.", "policy")
QUEUE_REJECTED = _counter("queue_rejected", "Requests refused because too many waited for this kind of work.", "room")
LOG_LINES_DROPPED = _counter("log_lines_dropped", "Log lines that nobody took in time.")
WEBHOOK_DELIVERIES = _counter("webhook_deliveries", "Attempts to deliver an event.", "result")
WEBHOOK_QUEUE = Gauge(
    "authserver_webhook_queue_depth",
    "Deliveries that wait, for their turn or their next attempt.",
    registry=registry,
    multiprocess_mode="mostrecent",
)
WEBHOOK_OLDEST = Gauge(
    "authserver_webhook_oldest_pending_seconds",
    "Age of the oldest delivery that waits.",
    registry=registry,
    multiprocess_mode="mostrecent",
)
MAILS = _counter("mails", "Attempts to deliver a mail.", "result")
MAIL_QUEUE = Gauge(
    "authserver_mail_queue_depth",
    "Mails that wait, for their turn or their next attempt.",
    registry=registry,
    multiprocess_mode="mostrecent",
)
MAIL_OLDEST = Gauge(
    "authserver_mail_oldest_pending_seconds",
    "Age of the oldest mail that waits.",
    registry=registry,
    multiprocess_mode="mostrecent",
)
SET_ASIDE = Gauge(
    "authserver_jobs_set_aside",
    "Mails and sign-outs that were given up, and wait for somebody who tries again.",
    ["kind"],
    registry=registry,
    multiprocess_mode="mostrecent",
)
CHORE_FAILED = Gauge(
    "authserver_chore_failed",
    "1 if something that is done now and then failed the last time.",
    ["chore"],
    registry=registry,
    multiprocess_mode="mostrecent",
)
CONSENTS = _counter("consents", "Answers of people on the consent page.", "decision")
LOGINS = _counter("logins", "Attempts to sign in.", "method", "result")
PASSWORD_HASH_SECONDS = Histogram(
    "authserver_password_hash_seconds", "Time of one password hash.", buckets=_SECONDS, registry=registry
)
PASSWORD_HASH_WAITING = Gauge(
    "authserver_password_hash_waiting", "Requests waiting to hash.", registry=registry, multiprocess_mode="livesum"
)
READY = Gauge(
    "authserver_ready",
    "1 while everything is well that /readyz looks at, as every process of this machine found it.",
    registry=registry,
    multiprocess_mode="livemin",
)
DATABASE_FAILURES = _counter(
    "database_failures", "Requests to which the database gave no connection, or no answer, in time.", "gave_no"
)
DATABASE_WRITABLE = Gauge(
    "authserver_database_writable",
    "1 while the database can be written, as every process of this machine found it.",
    registry=registry,
    multiprocess_mode="livemin",
)
CLOCK_SKEW = Gauge(
    "authserver_clock_skew_seconds",
    "By how much this machine's clock runs ahead of the database's.",
    registry=registry,
    multiprocess_mode="livemostrecent",
)
LAST_RETENTION = Gauge(
    "authserver_last_retention_timestamp_seconds",
    "When what has expired was last deleted, to the end, by whichever process; 0 before.",
    registry=registry,
    multiprocess_mode="mostrecent",
)
LAST_BACKUP = Gauge(
    "authserver_last_backup_timestamp_seconds",
    "When the last backup was made that this installation was told of; 0 before.",
    registry=registry,
    multiprocess_mode="mostrecent",
)
RATE_LIMITS_PER_WORKER = Gauge(
    "authserver_rate_limits_per_worker",
    "1 while a worker has no storage for rate limits but its own memory, where each grants a part.",
    registry=registry,
    multiprocess_mode="livemax",
)
RATE_LIMIT_STORAGE_LOST = Gauge(
    "authserver_rate_limit_storage_lost",
    "1 while a worker finds this storage of rate limits lost, and the next one stands in for it.",
    ["storage"],
    registry=registry,
    multiprocess_mode="livemax",
)
DB_POOL_IN_USE = Gauge(
    "authserver_db_pool_in_use", "Database connections in use.", registry=registry, multiprocess_mode="livesum"
)
SIGNING_KEY_AGE = Gauge(
    "authserver_signing_key_age_seconds",
    "Age of the key that signs.",
    ["alg"],
    registry=registry,
    multiprocess_mode="mostrecent",
)
CREDENTIALS_EXPIRING = Gauge(
    "authserver_credentials_expiring",
    "API keys and client secrets that expire within so many days.",
    ["days"],
    registry=registry,
    multiprocess_mode="mostrecent",
)


def observe_request(route: str, method: str, status: int, seconds: float) -> None:
    """Count a request and its time. `route` is a pattern of ours, never a path as it came."""
    HTTP_REQUESTS.labels(route, method if method in _METHODS else "other", str(status)).inc()
    HTTP_SECONDS.labels(route).observe(seconds)


def build_info() -> None:
    """Say which version runs."""
    BUILD_INFO.labels(importlib.metadata.version("authserver")).set(1)


def new_folder() -> Path:
    """A folder for the figures of several processes, removed when this process ends; sets the environment for them."""
    folder = Path(tempfile.mkdtemp(prefix="authserver-metrics-"))
    os.environ[FOLDER] = str(folder)
    owner = os.getpid()
    atexit.register(lambda: shutil.rmtree(folder, ignore_errors=True) if os.getpid() == owner else None)
    return folder


def render() -> bytes:
    """The figures of all processes, in Prometheus' text format."""
    return generate_latest(_alive())


def families() -> list[Metric]:
    """The same as objects of the library."""
    return list(_alive().collect())


def _alive() -> CollectorRegistry:
    if FOLDER in os.environ:
        _forget_dead(Path(os.environ[FOLDER]))
    return _whole()


def lines_dropped() -> int:
    """Log lines that nobody took in time, of all processes of this machine since it serves."""
    return int(_whole().get_sample_value("authserver_log_lines_dropped_total") or 0)


def _whole() -> CollectorRegistry:
    if FOLDER not in os.environ:
        return registry
    whole = CollectorRegistry()
    MultiProcessCollector(whole)  # type: ignore[no-untyped-call]  # the library has no types here
    return whole


def _forget_dead(folder: Path) -> None:
    """Live gauges of workers that are gone no longer count."""
    for pid in {int(file.stem.rpartition("_")[2]) for file in folder.glob("gauge_live*_*.db")}:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            mark_process_dead(pid)  # type: ignore[no-untyped-call]  # the library has no types here
        except PermissionError:
            pass  # it lives, and is not ours


def serve(bind: str, **pages: Page) -> ThreadingHTTPServer | None:
    """Answer GET /metrics on `host:port` from a thread; None when `bind` is `off`. Raises OSError if it is taken.

    `pages` by the name of their path (`readyz=…`) give (status, JSON) for operators' eyes.
    """
    if bind in ("", "off"):
        return None
    host, _, port = bind.rpartition(":")
    answer = type("_Answers", (_Answer,), {"pages": {f"/{name}": page for name, page in pages.items()}})
    server = ThreadingHTTPServer((host.strip("[]"), int(port)), answer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


def next_to(bind: str) -> str:
    """The address beside `host:port`, one port up: there a `worker` answers, never in a server's way."""
    host, _, port = bind.rpartition(":")
    return f"{host}:{int(port) + 1}" if port.isdigit() else bind


class _Answer(BaseHTTPRequestHandler):
    server_version, sys_version = "", ""
    pages: Mapping[str, Page] = {}

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._send(200, CONTENT_TYPE_LATEST, render())
        elif page := self.pages.get(path):
            status, body = page()
            self._send(status, "application/json", body)
        else:
            here = " and ".join(["/metrics", *self.pages])
            self._send(404, "text/plain", f"Only {here} {'are' if self.pages else 'is'} here.\n".encode())

    def log_message(self, format: str, *args: object) -> None:
        """A scrape every few seconds is no event."""

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response_only(status)
        headers: Iterable[tuple[str, str]] = (("Content-Type", kind), ("Content-Length", str(len(body))))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
