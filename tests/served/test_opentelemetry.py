"""What a collector of OpenTelemetry hears of a served process (OTLP over HTTP)."""

from __future__ import annotations

import contextlib
import gzip
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.browsing import OverHttp
from tests.support.receivers import Got, Receiver, listening
from tests.support.served import COMMAND, Served, running

pytestmark = [pytest.mark.served, pytest.mark.usefixtures("socket_enabled")]
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
FOUND = TypeVar("FOUND")


@dataclass
class Watched:
    """A server, and the collector that it tells."""

    server: Served
    collector: Receiver

    def spans(self) -> list[Span]:
        return [
            span
            for got in self.collector.got
            if got.path == "/v1/traces"
            for of_resource in ExportTraceServiceRequest.FromString(body(got)).resource_spans
            for of_scope in of_resource.scope_spans
            for span in of_scope.spans
        ]

    def span(self, name: str, trace: str = "") -> Span:
        """The span of this name, in this trace if one is told, as soon as it is heard of."""
        return eventually(
            lambda: [each for each in self.spans() if each.name == name and trace in ("", each.trace_id.hex())]
        )[-1]

    def resource(self) -> dict[str, Any]:
        """What the process says of itself."""
        (got, *_) = eventually(lambda: [each for each in self.collector.got if each.path == "/v1/traces"])
        return attributes(ExportTraceServiceRequest.FromString(body(got)).resource_spans[0].resource.attributes)

    def figures(self) -> dict[str, Any]:
        """The newest figures by their names."""
        sent = [each for each in self.collector.got if each.path == "/v1/metrics"]
        if not sent:
            return {}
        (of_resource,) = ExportMetricsServiceRequest.FromString(body(sent[-1])).resource_metrics
        return {metric.name: metric for of_scope in of_resource.scope_metrics for metric in of_scope.metrics}


def body(got: Got) -> bytes:
    return gzip.decompress(got.body) if got.headers.get("Content-Encoding") == "gzip" else got.body


def attributes(pairs: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in pairs}


def eventually(look: Callable[[], FOUND], seconds: float = 20) -> FOUND:
    until = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < until:
        time.sleep(0.05)
    assert found, "nothing came in time"
    return found


def hook_of(email: str, server: Served, receiver: Receiver) -> str:
    """The id of a webhook endpoint of this person."""
    server.user(email)
    key = server.cli("key", "create", "--owner", email, "--name", "Hooks", "--permission", "full_access")["key"]
    ask = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    wish = json.dumps({"name": "Hooks", "url": receiver.url(), "events": ["api_key.created"]}).encode()
    made = OverHttp().send("POST", f"{server.issuer}/v1/webhooks", wish, ask)
    assert made.status == 201, made.body
    return str(json.loads(made.body)["data"]["id"])


@contextlib.contextmanager
def worker(server: Served) -> Iterator[None]:
    """`authserver worker` beside a server, for one block; it ends in good order."""
    with (server.folder / "worker.log").open("ab") as log:
        process = subprocess.Popen([str(COMMAND), "worker"], env=server.environment, cwd=server.folder, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            assert process.wait(30) == 0


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with listening() as collector:
        telling = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url(""),
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_METRIC_EXPORT_INTERVAL": "300",
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=tests",
        }
        options: dict[str, Any] = {"opentelemetry": "on", "outbound_allow": "127.0.0.1", "variables": telling}
        with running("postgresql", workers=2, **options) as server:
            yield Watched(server, collector)


def test_a_request_is_a_span_of_its_callers_trace(watched: Watched) -> None:
    app = watched.server.machine("Traced")
    ask = {"traceparent": f"00-{TRACE}-{SPAN}-01", "Content-Type": "application/x-www-form-urlencoded"}
    form = f"grant_type=client_credentials&client_id={app.client_id}&client_secret={app.client_secret}".encode()
    told = OverHttp().send("POST", f"{watched.server.issuer}/oauth/token", form, ask)
    assert told.status == 200
    span = watched.span("POST /oauth/token", TRACE)
    assert (span.parent_span_id.hex(), span.kind) == (SPAN, Span.SPAN_KIND_SERVER)
    said = attributes(span.attributes)
    assert said["http.route"] == "/oauth/token"
    assert said["http.response.status_code"] == 200
    assert said["authserver.client_id"] == app.client_id
    assert said["authserver.request_id"] == {name.lower(): value for name, value in told.headers}["x-request-id"]
    assert span.end_time_unix_nano > span.start_time_unix_nano


def test_a_span_tells_how_many_statements_its_request_sent(watched: Watched) -> None:
    watched.server.browser("alice@example.test").get("/")
    assert attributes(watched.span("GET /").attributes)["authserver.statements"] >= 1
    OverHttp().send("GET", f"{watched.server.issuer}/.well-known/jwks.json", b"", {})
    OverHttp().send("GET", f"{watched.server.issuer}/healthz", b"", {})
    assert attributes(watched.span("GET /healthz").attributes)["authserver.statements"] == 0


def test_a_path_that_is_no_route_is_in_no_span(watched: Watched) -> None:
    OverHttp().send(
        "GET", f"{watched.server.issuer}/nowhere/this-is-a-secret", b"", {"traceparent": f"00-{TRACE}-{SPAN}-01"}
    )
    assert "http.route" not in attributes(watched.span("GET", TRACE).attributes)
    assert not [got for got in watched.collector.got if b"this-is-a-secret" in body(got)]


def test_a_trace_that_its_caller_does_not_keep_is_not_sent(watched: Watched) -> None:
    quiet = "f" * 32
    OverHttp().send("GET", f"{watched.server.issuer}/healthz", b"", {"traceparent": f"00-{quiet}-{SPAN}-00"})
    OverHttp().send("GET", f"{watched.server.issuer}/healthz", b"", {"traceparent": f"00-{'e' * 32}-{SPAN}-01"})
    watched.span("GET /healthz", "e" * 32)
    assert not [span for span in watched.spans() if span.trace_id.hex() == quiet]


def test_a_call_to_somebody_else_is_a_span_and_they_learn_nothing_of_the_trace(watched: Watched) -> None:
    with listening() as receiver:
        hook = hook_of("hooks@example.test", watched.server, receiver)
        with worker(watched.server):
            watched.server.cli("webhook", "test", hook)
            call = watched.span("POST")
        (got,) = receiver.got
    said = attributes(call.attributes)
    assert call.kind == Span.SPAN_KIND_CLIENT
    assert (said["server.address"], said["server.port"]) == ("127.0.0.1", receiver.port)
    assert said["http.response.status_code"] == 200
    assert "traceparent" not in {name.lower() for name in got.headers}


def test_the_process_says_who_it_is(watched: Watched) -> None:
    OverHttp().send("GET", f"{watched.server.issuer}/healthz", b"", {})
    said = watched.resource()
    assert said["service.name"] == "authserver"
    assert said["service.version"]
    assert said["deployment.environment.name"] == "tests"


def test_the_figures_of_all_workers_are_sent_as_they_are_shown(watched: Watched) -> None:
    for _ in range(6):
        OverHttp().send("GET", f"{watched.server.issuer}/.well-known/jwks.json", b"", {})

    def counted() -> float:
        requests = watched.figures().get("authserver_http_requests")
        points = requests.sum.data_points if requests else []
        return sum(
            each.as_double for each in points if attributes(each.attributes)["route"] == "/.well-known/jwks.json"
        )

    eventually(lambda: counted() >= 6)
    figures = watched.figures()
    assert figures["authserver_http_requests"].sum.is_monotonic
    assert figures["authserver_build_info"].gauge.data_points
    seconds = figures.get("authserver_http_seconds")
    histogram = next(each for each in figures.values() if each.WhichOneof("data") == "histogram")
    point = (seconds or histogram).histogram.data_points[0]
    assert sum(point.bucket_counts) == point.count
    assert len(point.bucket_counts) == len(point.explicit_bounds) + 1


def test_the_lines_of_a_request_name_its_trace(watched: Watched) -> None:
    trace = "d" * 32
    OverHttp().send("GET", f"{watched.server.issuer}/healthz", b"", {"traceparent": f"00-{trace}-{SPAN}-01"})
    line = eventually(lambda: [each for each in watched.server.log.splitlines() if trace in each])[0]
    assert json.loads(line)["trace_id"] == trace
