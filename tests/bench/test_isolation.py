"""`make isolation` judges what it measured: rate, 99th percentile and refusals, each by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench import load
from bench.isolation import Row
from bench.load import Repeated

pytestmark = pytest.mark.usefixtures("socket_enabled")
ASKED = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def row(rate: float, p99: float, refused: int = 0) -> Row:
    return Row("sign-ins", "token", 1000.0, rate, 10.0, p99, refused, {})


def test_a_promise_holds_at_its_bounds() -> None:
    assert row(800, 50).good
    assert (row(800, 50).kept, row(800, 50).slower) == (0.8, 5.0)


@pytest.mark.parametrize("broken", [row(790, 10), row(1000, 51), row(1000, 10, refused=1), row(0, 0)])
def test_each_part_of_a_promise_breaks_it(broken: Row) -> None:
    assert not broken.good


class Turning(BaseHTTPRequestHandler):
    """Answers every third request with 503, and the path /silent never."""

    protocol_version = "HTTP/1.1"
    asked = 0

    def do_GET(self) -> None:
        if self.path == "/silent":
            time.sleep(5)
            return
        Turning.asked += 1
        self.send_response(503 if Turning.asked % 3 == 0 else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Turning)
    server.daemon_threads = True
    server.block_on_close = False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


def test_only_good_answers_count_for_a_rate_and_the_others_are_told(port: int) -> None:
    result = load.run_for(port, [Repeated(ASKED)] * 2, 0.5)
    assert result.statuses["503"] and result.requests == pytest.approx(2 * result.statuses["503"], abs=4)


def test_an_answer_that_never_comes_costs_all_the_time_that_was_waited(port: int) -> None:
    result = load.run_for(port, [Repeated(ASKED.replace(b"/ ", b"/silent ", 1))] * 2, 0.5)
    assert result.rate == 0 and result.p99 >= 450
