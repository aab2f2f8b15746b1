"""Telling a collector of OpenTelemetry what this process does, if the operator wants that."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sqlalchemy import event

from authserver import config, database, hot_statements
from authserver.observability import tracing


def _nothing() -> None:
    pass


def begin() -> Callable[[], None]:
    """Tell of requests and calls from now on; what is returned sends what waits, and ends it."""
    if config.current().opentelemetry != "on":
        return _nothing
    from authserver.observability import otlp

    event.listen(database.engine(), "before_cursor_execute", tracing.statement)
    hot_statements.observers.append(tracing.statement)
    return otlp.send_spans()


def send_figures() -> Callable[[], None]:
    """Send the figures of all processes now and then; what is returned sends them a last time, and ends it."""
    if config.current().opentelemetry != "on":
        return _nothing
    from authserver.observability import otlp

    stop = threading.Event()
    sender = otlp.send_figures(stop)

    def end() -> None:
        stop.set()
        sender.join(5)

    return end
