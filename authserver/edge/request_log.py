"""A request id and a context for every request, and one log line when it is over."""

from __future__ import annotations

import functools
import re
import time
from typing import Any

from authserver.edge.exchange import Incoming
from authserver.lib import secrets
from authserver.observability import logs, metrics, tracing
from authserver.observability.context import Context

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Whatever its case, its slashes and its escapes: a path that no route has is logged as it came.
_SECRET_PATHS = re.compile(r"^(?P<before>/+(?:[^/]+/+)??(?:welcome|password/+reset|verify|this-was-not-me)/+).+", re.I)


def begin(ip: str, user_agent: str, inbound_id: str, traceparent: str = "") -> Context:
    """The context of a request. The id is ours; an inbound one is logged beside it, and so is the caller's trace."""
    context = Context(request_id=secrets.random_id("req"), ip=ip, user_agent=user_agent[:400])
    if inbound_id:
        context.log["inbound_request_id"] = inbound_id[:80]
    tracing.begin(context, traceparent)
    return context


def begin_for(incoming: Incoming) -> Context:
    """The same for a request that was read already."""
    agent, inbound_id = incoming.header("user-agent"), incoming.header("x-request-id")
    return begin(incoming.ip, agent, inbound_id, incoming.header("traceparent"))


def end(context: Context, *, route: str, method: str, status: int, started: float, known: bool = True) -> None:
    """Write the line and count the request; only `known` routes become a label."""
    seconds = time.perf_counter() - started
    counted = method if method in METHODS else "other"
    _count(route if known else "other", counted, status, seconds)
    tracing.end(context, route=route if known else "", method=counted, status=status)
    logs.event(
        "request",
        level="error" if status >= 500 else "info",
        request_id=context.request_id,
        trace_id=context.trace_id,
        route=redact_path(route),
        method=method[:10],
        status=status,
        ms=round(seconds * 1000, 2),
        ip=context.ip,
        **context.log,
    )


def _count(route: str, method: str, status: int, seconds: float) -> None:
    requests, duration = _series(route, method, status)
    requests.inc()
    duration.observe(seconds)


@functools.lru_cache(maxsize=4096)
def _series(route: str, method: str, status: int) -> tuple[Any, Any]:
    # Finding a labelled series costs more than counting in it.
    return metrics.HTTP_REQUESTS.labels(route, method, str(status)), metrics.HTTP_SECONDS.labels(route)


def redact_path(path: str) -> str:
    """A path without the one-time token some carry, and without what came after it."""
    return _SECRET_PATHS.sub(r"\g<before>…", path)
