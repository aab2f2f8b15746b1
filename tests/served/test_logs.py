"""A log that nobody reads stops nobody, and the end of a process loses no line."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from pathlib import Path

import pytest
import requests

from tests.support import served

pytestmark = [pytest.mark.served, pytest.mark.fault, pytest.mark.usefixtures("socket_enabled")]
PIPE_BYTES = 4096


@pytest.mark.long_fault
def test_a_log_pipe_that_nobody_reads_stops_neither_requests_nor_the_stop(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    server = served.start("sqlite", tmp_path, workers=1, stderr=writing)
    try:
        slowest = 0.0
        for number in range(200):  # a line of 200 bytes each, ten times what the pipe holds
            began = time.monotonic()
            path = "/.well-known/jwks.json" if number % 2 else "/login"
            assert requests.get(server.issuer + path, timeout=5).status_code == 200
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < 3
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 15
    finally:
        server.stop()
        os.close(reading)
        os.close(writing)


def test_the_end_of_a_process_loses_no_line(tmp_path: Path) -> None:
    server = served.start("sqlite", tmp_path, workers=1)
    try:
        for number in range(50):
            requests.get(server.issuer + f"/healthz?{number}", timeout=5, headers={"X-Request-Id": f"mine-{number}"})
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(40) == 0
        lines = [line for line in server.log.splitlines() if '"inbound_request_id":"mine-' in line]
        assert [line.split('"mine-')[1].split('"')[0] for line in lines] == [str(number) for number in range(50)]
        assert '"event":"stopped"' in server.log
    finally:
        server.stop()
