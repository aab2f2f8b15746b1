"""OpenTelemetry's own collector, built of its modules, understands what a server tells it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.interop import sites, toolchains
from tests.support.browsing import OverHttp
from tests.support.served import free_port, running

pytestmark = [pytest.mark.interop, pytest.mark.long_interop, pytest.mark.usefixtures("socket_enabled")]
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CONFIGURATION = """
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{port}"}}}}}}}}
exporters: {{debug: {{verbosity: detailed}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [debug]}}
    metrics: {{receivers: [otlp], exporters: [debug]}}
"""


def heard(folder: Path, words: str) -> str:
    """What the collector wrote, once it holds these words."""
    until = time.monotonic() + 30
    while words not in (text := (folder / "site.log").read_text("utf-8")) and time.monotonic() < until:
        time.sleep(0.2)
    assert words in text, text[-3000:]
    return text


def test_a_collector_hears_spans_and_figures(tmp_path: Path) -> None:
    program = toolchains.go_build(Path(__file__).parent / "go" / "collector", tmp_path)
    port = free_port()
    sites.write(tmp_path, {"collector.yaml": CONFIGURATION.format(port=port)})
    telling = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
    }
    command = [str(program), "--config", "file:collector.yaml"]
    with (
        sites.running(command, tmp_path, port, dict(os.environ)),
        running("sqlite", workers=1, opentelemetry="on", variables=telling) as server,
    ):
        OverHttp().send("GET", f"{server.issuer}/healthz", b"", {"traceparent": f"00-{TRACE}-{SPAN}-01"})
        text = heard(tmp_path, TRACE)
        assert "http.route: Str(/healthz)" in text
        assert f"Parent ID      : {SPAN}" in text
        assert "-> Name: authserver_http_requests" in heard(tmp_path, "-> Name: authserver_http_requests")
        assert '"level":"error"' not in server.log
