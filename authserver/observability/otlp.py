"""Spans and figures for a collector of OpenTelemetry, by the packages of the extra `otel`.

Where it listens, what it is sent with and how many traces are kept say OpenTelemetry's own variables
(`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_SAMPLER`, `OTEL_SERVICE_NAME` and their like), which the packages read.
"""

from __future__ import annotations

import importlib.metadata
import os
import socket
import threading
from collections.abc import Callable

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from authserver.lib.trace_context import Caller
from authserver.observability import logs, otlp_figures, tracing
from authserver.observability.tracing import Span

NAME = "authserver"
FIGURES_MS = 60_000  # OpenTelemetry's own default


def send_spans() -> Callable[[], None]:
    """Tell a collector of every request from now on, from a thread; what is returned sends what waits, and ends it."""
    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracing.install(_Tracer(provider.get_tracer(NAME)))

    def stop() -> None:
        tracing.install(None)
        provider.shutdown()

    return stop


def send_figures(stop: threading.Event) -> threading.Thread:
    """Send what `/metrics` shows every OTEL_METRIC_EXPORT_INTERVAL milliseconds, and a last time when `stop` is set."""
    thread = threading.Thread(target=_send_figures, args=(stop,), name="otlp", daemon=True)
    thread.start()
    return thread


def _send_figures(stop: threading.Event) -> None:
    exporter, resource = OTLPMetricExporter(), _resource()
    seconds = int(os.environ.get("OTEL_METRIC_EXPORT_INTERVAL") or FIGURES_MS) / 1000
    scope, ended = InstrumentationScope(NAME), False
    while not ended:
        ended = stop.wait(seconds)
        try:
            found = ScopeMetrics(scope, otlp_figures.collected(), "")
            exporter.export(MetricsData([ResourceMetrics(resource, [found], "")]))
        except Exception as error:  # the next turn may do better
            logs.failure("figures_not_sent", error, level="warning")
    exporter.shutdown()


def _resource() -> Resource:
    """What a collector knows this process by; the variables say more, or otherwise."""
    own = {"service.instance.id": f"{socket.gethostname()}:{os.getpid()}"}
    own["service.version"] = importlib.metadata.version(NAME)
    named = Resource.create()  # from OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES
    if str(named.attributes.get("service.name", "")).startswith("unknown_service"):
        own["service.name"] = NAME
        return named.merge(Resource(own))
    return Resource(own).merge(named)


class _Tracer:
    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def request(self, caller: Caller | None) -> Span:
        # Its name and what a sampler could ask are known when it is over; it begins now.
        return _Span(self._tracer, SpanKind.SERVER, _context_of(caller))

    def call(self, within: Span | None) -> Span:
        return _Span(self._tracer, SpanKind.CLIENT, within.context if isinstance(within, _Span) else None)


class _Span:
    def __init__(self, tracer: trace.Tracer, kind: SpanKind, within: SpanContext | None) -> None:
        parent = trace.set_span_in_context(NonRecordingSpan(within)) if within else None
        self._span = tracer.start_span("request", context=parent, kind=kind)
        self.context = self._span.get_span_context()
        self.trace_id = f"{self.context.trace_id:032x}"
        self.statements = 0

    def end(self, name: str, *, failed: bool, **attributes: str | int) -> None:
        self._span.update_name(name)
        self._span.set_attributes(attributes)
        if failed:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


def _context_of(caller: Caller | None) -> SpanContext | None:
    if caller is None:
        return None
    flags = TraceFlags(TraceFlags.SAMPLED if caller.sampled else TraceFlags.DEFAULT)
    return SpanContext(int(caller.trace_id, 16), int(caller.span_id, 16), is_remote=True, trace_flags=flags)
