"""POST /csp-reports: what browsers refused to load, little of it, and no more than there is room for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from authserver.ops import csp_reports

REPORT = "application/csp-report"
pytestmark = pytest.mark.parametrize("overrides", [{"log_level": "INFO"}], ids=[""])


@pytest.fixture(autouse=True)
def _nobody_reported_yet() -> None:
    csp_reports._window[:] = [0, 0]


def send(http: FlaskClient, report: Any, type: str = REPORT) -> int:
    body = report if isinstance(report, bytes) else json.dumps(report).encode()
    return http.post("/csp-reports", data=body, content_type=type).status_code


def told(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if '"csp_report"' in line]
    return [
        {name: line[name] for name in line if name not in ("ts", "level", "event", "request_id", "ip")}
        for line in lines
    ]


def test_addresses_lose_their_query_and_their_length(http: FlaskClient, capfd: pytest.CaptureFixture[str]) -> None:
    report = {
        "document-uri": "https://a.test/login?code=secret",
        "blocked-uri": "https://b.test/" + "x" * 900,
        "effective-directive": "script-src",
        "script-sample": "alert(1)",
    }
    assert send(http, {"csp-report": report}) == 204
    (line,) = told(capfd)
    assert line["document_uri"] == "https://a.test/login" and line["effective_directive"] == "script-src"
    assert len(line["blocked_uri"]) == 200 and set(line) == {"document_uri", "blocked_uri", "effective_directive"}


def test_a_list_of_the_newer_form_is_read(http: FlaskClient, capfd: pytest.CaptureFixture[str]) -> None:
    body = {"documentURL": "https://a.test/x?y", "blockedURL": "inline", "effectiveDirective": "style-src-attr"}
    assert send(http, [{"type": "csp-violation", "body": body}] * 9, "application/reports+json") == 204
    assert told(capfd) == [{**body, "documentURL": "https://a.test/x"}] * 5


@pytest.mark.parametrize(
    "nonsense", [b"", b"{", b"[" * 5000, b"null", b"7", b'"x"', b'{"csp-report": 7}', b"\xff", b"[[], 7]"], ids=repr
)
def test_nonsense_is_no_line_and_no_fault(
    http: FlaskClient, capfd: pytest.CaptureFixture[str], nonsense: bytes
) -> None:
    assert send(http, nonsense) == 204
    assert [line for line in told(capfd) if line] == []


def test_what_is_large_or_of_another_kind_is_refused(http: FlaskClient) -> None:
    assert send(http, b" " * (csp_reports.MAX_BYTES + 1)) == 413
    assert send(http, {}, "text/plain") == 415


def test_a_flood_of_reports_is_no_flood_of_lines(http: FlaskClient, capfd: pytest.CaptureFixture[str]) -> None:
    report = {"csp-report": {"blocked-uri": "inline"}}
    answers = [send(http, report) for _ in range(csp_reports.PER_MINUTE + 5)]
    assert answers.count(204) == csp_reports.PER_MINUTE and answers.count(429) == 5
    assert len(told(capfd)) == csp_reports.PER_MINUTE
