"""A request id and a context for every request, and one log line when it is over."""

from __future__ import annotations

import re
import time
from typing import Any

from authserver.edge import client_address
from authserver.lib import secrets
from authserver.observability import logs, metrics
from authserver.observability.context import Context

_SECRET_PATHS = re.compile(r"^/(welcome|password/reset|verify|this-was-not-me)/[^/]+")


def begin(environ: dict[str, Any]) -> Context:
    """The context of a request. The id is ours; an inbound one is logged beside it."""
    context = Context(
        request_id=secrets.random_id("req"),
        ip=client_address.of(environ),
        user_agent=str(environ.get("HTTP_USER_AGENT", ""))[:400],
    )
    inbound = environ.get("HTTP_X_REQUEST_ID")
    if inbound:
        context.log["inbound_request_id"] = str(inbound)[:80]
    return context


def end(context: Context, *, route: str, method: str, status: int, started: float) -> None:
    """Write the line and count the request."""
    seconds = time.perf_counter() - started
    metrics.observe_request(route, method, status, seconds)
    logs.event(
        "request",
        level="error" if status >= 500 else "info",
        request_id=context.request_id,
        route=redact_path(route),
        method=method[:10],
        status=status,
        ms=round(seconds * 1000, 2),
        ip=context.ip,
        **context.log,
    )


def redact_path(path: str) -> str:
    """A path without the one-time token some carry."""
    return _SECRET_PATHS.sub(r"/\1/…", path)
