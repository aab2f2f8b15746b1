"""What a trace is told of a request, and of what it asked others for: nothing, until somebody installs a tracer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol

from authserver.lib import trace_context
from authserver.lib.trace_context import Caller
from authserver.observability import context
from authserver.observability.context import Context


class Span(Protocol):
    """A request or a call under way."""

    trace_id: str
    statements: int

    def end(self, name: str, *, failed: bool, **attributes: str | int) -> None:
        """It is over; only now it is told to anybody."""


class Tracer(Protocol):
    """Whoever is told."""

    def request(self, caller: Caller | None) -> Span:
        """A request began, maybe as a part of what its caller does."""

    def call(self, within: Span | None) -> Span:
        """A call to somebody else began."""


_tracer: Tracer | None = None


def install(tracer: Tracer | None) -> None:
    """Tell this tracer from now on; None tells nobody."""
    global _tracer
    _tracer = tracer


def begin(asked: Context, traceparent: str) -> None:
    """A request began. Its lines in the log name the caller's trace, whether anybody is told or not."""
    caller = trace_context.read(traceparent) if traceparent else None
    if _tracer is not None:
        asked.span = _tracer.request(caller)
        asked.trace_id = asked.span.trace_id
    elif caller is not None:
        asked.trace_id = caller.trace_id


def end(asked: Context, *, route: str, method: str, status: int) -> None:
    """A request is answered. `route` is a pattern of ours, or empty: a path as it came can hold a one-time token."""
    if asked.span is None:
        return
    named = {"http.route": route} if route else {}
    told = {name: str(asked.log[name]) for name in ("client_id", "grant", "error") if asked.log.get(name)}
    asked.span.end(
        f"{method} {route}".rstrip(),
        failed=status >= 500,
        **{"http.request.method": method, "http.response.status_code": status, **named},
        **{"authserver.request_id": asked.request_id, "authserver.statements": asked.span.statements},
        **{f"authserver.{name}": text for name, text in told.items()},
    )


def statement(*_sent: object) -> None:
    """A statement is sent to the database."""
    span = context.current().span
    if span is not None:
        span.statements += 1


@contextlib.contextmanager
def calling(method: str, host: str, port: int) -> Iterator[list[int]]:
    """A call to somebody else; the block puts the status of the answer into the list. Its failure passes."""
    status: list[int] = []
    if _tracer is None:
        yield status
        return
    span = _tracer.call(context.current().span)
    try:
        yield status
    finally:
        answered: dict[str, str | int] = {"http.response.status_code": status[0]} if status else {}
        called: dict[str, str | int] = {"http.request.method": method, "server.address": host, "server.port": port}
        span.end(method, failed=not status or status[0] >= 400, **called, **answered)
