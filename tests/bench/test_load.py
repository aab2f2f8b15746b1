"""The load generator counts good answers, waits for what is under way, and tells what it cost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from bench import conversations, load
from bench.conversations import Chain, Once, Repeated, Visit, raw

pytestmark = pytest.mark.usefixtures("socket_enabled")


class Turning(BaseHTTPRequestHandler):
    """Answers every third request with 503, /silent never, /late after a moment; has a sign-in and a chain."""

    protocol_version = "HTTP/1.1"
    asked = 0
    tokens: list[str]
    forms: list[dict[str, list[str]]]
    cookies: list[str]

    def do_GET(self) -> None:
        if self.path == "/silent":
            time.sleep(5)
        elif self.path == "/login":
            Turning.cookies.append(self.headers.get("Cookie", ""))
            form = '<form action="/other"><input type="hidden" name="t" value="no"></form>'
            form += '<form method="post" action="/login"><input type="hidden" name="t" value="yes"></form>'
            self.told(200, form, ("Set-Cookie", "here=1; Path=/"))
        elif self.path == "/hop":
            self.told(302, "", ("Location", "/away"))
        elif self.path == "/away":
            self.told(303, "", ("Location", "https://app.example.test/callback?code=abc&state=s"))
        elif self.path == "/late":
            time.sleep(0.4)
            self.told(200, "ok")
        else:
            Turning.asked += 1
            self.told(503 if Turning.asked % 3 == 0 else 200, "")

    def do_POST(self) -> None:
        sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        Turning.forms.append(sent)
        if self.path == "/login":
            Turning.cookies.append(self.headers.get("Cookie", ""))
            self.told(303, "", ("Location", "/"))
        else:
            Turning.tokens += sent["refresh_token"]
            self.told(200, f'{{"refresh_token": "{int(sent["refresh_token"][0]) + 1}"}}')

    def told(self, status: int, body: str, *more: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*more, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def port() -> Iterator[int]:
    Turning.asked, Turning.tokens, Turning.forms, Turning.cookies = 0, [], [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Turning)
    server.daemon_threads = True
    server.block_on_close = False
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def get(path: str) -> bytes:
    return raw(f"GET {path}", "localhost")


def test_only_good_answers_count_for_a_rate_and_the_others_are_told(port: int) -> None:
    result = load.run(port, [Repeated(get("/"))] * 2, 0.5)
    assert result.statuses[b"503"] and result.requests == pytest.approx(2 * result.refused, abs=4)
    assert len(result.latencies) == result.requests == result.statuses[b"200"]
    assert 0 < result.generator < result.seconds * 1.5


def test_an_answer_that_never_comes_costs_all_the_time_that_was_waited(port: int) -> None:
    result = load.run(port, [Repeated(get("/silent"))] * 2, 0.5, patience=0)
    assert result.rate == 0 and result.p99 >= 450


def test_what_is_under_way_at_the_end_is_waited_for(port: int) -> None:
    result = load.run(port, [Repeated(get("/late"))] * 3, 0.1)
    assert (result.requests, result.refused) == (3, 0) and result.seconds >= 0.35


def test_a_chain_goes_on_with_the_token_of_the_last_answer_over_the_next_connection_too(port: int) -> None:
    chain = Chain(lambda token: raw("POST /token", "localhost", body=f"refresh_token={token}"), "1")
    for _ in range(2):
        load.run(port, [chain], 0.1)
    assert Turning.tokens == [str(number + 1) for number in range(len(Turning.tokens))] and len(Turning.tokens) > 2


def test_what_is_good_once_is_asked_for_once(port: int) -> None:
    result = load.run(port, [Once([get("/a")] * 7)] * 3)
    assert sum(result.statuses.values()) == 7


def test_a_visit_is_one_request_however_often_it_is_sent_on(port: int) -> None:
    visit = Visit("localhost", "/hop", {})
    result = load.run(port, [visit], 0.1)
    assert result.requests == len(visit.ends) > 0
    assert conversations.code_of(visit.ends[0]) == "abc"


def test_a_form_is_sent_with_its_own_hidden_fields_and_the_cookies_of_its_page(port: int) -> None:
    result = load.run(port, [Visit("localhost", "/login", {"known": "2"}, {"email": "a@b"})], 0.1)
    assert result.requests and not result.refused
    assert Turning.forms[0] == {"email": ["a@b"], "t": ["yes"]}
    assert Turning.cookies[:3] == ["known=2", "known=2; here=1", "known=2"]


def test_a_page_without_the_form_is_no_good_answer(port: int) -> None:
    result = load.run(port, [Visit("localhost", "/plain", {})], 0.1)
    assert not result.requests and result.refused


def test_slices_add_up() -> None:
    one, other = load.Result(2, 1.0, latencies=[0.001, 0.002]), load.Result(4, 1.0, latencies=[0.003] * 4)
    one.add(other)
    assert (one.rate, one.p50, one.p99) == (3.0, 3.0, 3.0)
