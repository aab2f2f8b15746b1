"""Figures of ux.md 4.5, their labels, and the address they answer on."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from authserver.observability import metrics


def test_a_request_is_counted_by_route_method_and_status() -> None:
    labels = {"route": "/test/counted", "method": "GET", "code": "200"}
    metrics.observe_request("/test/counted", "GET", 200, 0.01)
    assert metrics.registry.get_sample_value("authserver_http_requests_total", labels) == 1


def test_a_made_up_method_makes_no_new_figure() -> None:
    for method in ("BREW", "X" * 1000):
        metrics.observe_request("/test/methods", method, 405, 0.01)
    labels = {"route": "/test/methods", "method": "other", "code": "405"}
    assert metrics.registry.get_sample_value("authserver_http_requests_total", labels) == 2


def test_no_figure_has_a_client_or_a_person_as_label() -> None:
    names = {name for family in metrics.registry.collect() for sample in family.samples for name in sample.labels}
    assert names & {"client", "client_id", "user", "sub", "email", "ip"} == set()


def test_the_figures_answer_on_their_own_address_and_nothing_else_does(socket_enabled: None) -> None:
    metrics.observe_request("/login", "GET", 200, 0.1)
    server = metrics.serve("127.0.0.1:0")
    assert server is not None
    base = f"http://127.0.0.1:{server.server_address[1]}"
    with urllib.request.urlopen(base + "/metrics") as answer:
        assert b"authserver_http_requests_total" in answer.read()
        assert not answer.headers.get("Server")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(base + "/healthz")
    server.shutdown()
    server.server_close()


def test_the_address_can_be_switched_off() -> None:
    assert metrics.serve("off") is None


def test_the_figures_of_all_processes_are_added_up() -> None:
    parent = """
import os, subprocess, sys
from authserver.observability import metrics
metrics.new_folder()
child = "from authserver.observability import metrics; metrics.observe_request('/x', 'GET', 200, 0.1)"
for _ in range(3):
    subprocess.run([sys.executable, "-c", child], check=True)
sys.stdout.write(metrics.render().decode())
"""
    done = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True, check=True, timeout=60)
    assert 'authserver_http_requests_total{code="200",method="GET",route="/x"} 3.0' in done.stdout


@pytest.mark.parametrize(
    ("bind", "beside"),
    [("127.0.0.1:9464", "127.0.0.1:9465"), ("[::1]:9464", "[::1]:9465"), ("off", "off"), ("", "")],
)
def test_a_workers_address_is_beside_the_servers(bind: str, beside: str) -> None:
    assert metrics.next_to(bind) == beside
