"""The front between granian and WSGI: header names, bodies, threads that outlive a fault."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from types import SimpleNamespace
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]  # re-exported without an __all__

from authserver.edge import arriving, exchange, headers
from authserver.edge.exchange import Incoming, Outgoing
from authserver.edge.front import Front
from authserver.edge.pools import INSTANT, PROTOCOL
from authserver.gateway import original_request
from tests.architecture import sources

pytestmark = pytest.mark.usefixtures("installed")


class Headers:
    """What granian gives: names in lower case, each as often as it was sent; None is a value that it cannot read."""

    def __init__(self, *pairs: tuple[str, str | None]) -> None:
        self._pairs = pairs

    def keys(self) -> list[str]:
        return list(dict(self._pairs))

    def items(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self._pairs if value is not None]

    def get(self, name: str) -> str | None:
        return next((value for given, value in self._pairs if given == name), None)


def scope(*headers: tuple[str, str | None], **facts: Any) -> Any:
    if "host" not in dict(headers) and "http_version" not in facts:
        headers = (("host", "id.example"), *headers)
    given = SimpleNamespace(method="GET", path="/", query_string="", client="192.0.2.7:50000", scheme="http")
    vars(given).update(server="127.0.0.1:8000", http_version="1.1", headers=Headers(*headers))
    vars(given).update(facts)
    return given


class Protocol:
    """One request's other end; the body comes in these chunks, and `None` never comes."""

    def __init__(self, *chunks: bytes | None, gone: bool = False) -> None:
        self.chunks, self.taken, self.gone = chunks, 0, gone
        self.status, self.headers, self.body = 0, [("", "")], b""

    async def __call__(self) -> bytes:
        if self.gone:
            raise ProtocolClosed
        return b"".join([chunk async for chunk in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            if chunk is None:
                await asyncio.Event().wait()
            else:
                self.taken += 1
                yield chunk

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.response_bytes(status, headers, b"")


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [environ["wsgi.input"].read()]


def send(protocol: Protocol, *headers: tuple[str, str | None], app: Any = echo, **facts: Any) -> Protocol:
    async def go() -> None:
        server: Any = Front(app, threads=1, body_seconds=0.05)
        await server.__rsgi__(scope(*headers, **facts), protocol)

    asyncio.run(go())
    return protocol


def came(*headers: tuple[str, str | None], **facts: Any) -> Incoming:
    """A request as endpoints are handed it."""
    given = scope(*headers, **facts)
    return arriving.read(given, arriving.address(given))


def environment(given: Any) -> WSGIEnvironment:
    return arriving.environment(given, arriving.read(given, arriving.address(given)), b"")


# ---- the request, and the environment that pages have of it


def test_a_name_with_an_underscore_is_dropped() -> None:
    sent = ("x_forwarded-for", "192.0.2.1"), ("x-forwarded-for", "192.0.2.2"), ("a_b", "c")
    made = environment(scope(*sent))
    assert made["HTTP_X_FORWARDED_FOR"] == "192.0.2.2" and "HTTP_A_B" not in made
    assert came(*sent).headers == {"host": "id.example", "x-forwarded-for": "192.0.2.2"}


def test_lines_of_one_name_become_one_value() -> None:
    sent = ("authorization", "Bearer a"), ("authorization", "Bearer b"), ("cookie", "a=1"), ("cookie", "b=2")
    made = environment(scope(*sent))
    assert made["HTTP_AUTHORIZATION"] == came(*sent).header("authorization") == "Bearer a,Bearer b"
    assert made["HTTP_COOKIE"] == came(*sent).header("cookie") == "a=1; b=2"


def test_the_environment_of_the_process_is_no_part_of_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_X_FORWARDED_FOR", "192.0.2.1")
    assert "HTTP_X_FORWARDED_FOR" not in environment(scope())


def test_an_endpoint_is_handed_what_wsgi_would_have_told_it() -> None:
    """All of a request but the moment in which it came, and a length that no endpoint reads."""
    given = scope(
        ("content-type", "application/x-www-form-urlencoded"), ("x-api-key", "a"), ("x-api-key", "b"),
        path="/gateway/auth/ä", query_string="a=ä", method="POST",
    )  # fmt: skip
    direct, by_wsgi = came(*given.headers.items(), **vars(given)), exchange.read(environment(given))
    direct.received_us = by_wsgi.received_us
    assert direct == by_wsgi


def test_text_beyond_ascii_is_written_as_wsgi_wants_it() -> None:
    made = environment(scope(path="/ä", query_string="q=ä"))
    assert made["PATH_INFO"].encode("latin-1").decode() == "/ä"
    assert made["QUERY_STRING"].encode("latin-1").decode() == "q=ä"


@pytest.mark.parametrize(("client", "address"), [("192.0.2.7:5", "192.0.2.7"), ("[2001:db8::1]:5", "2001:db8::1")])
def test_the_peer_is_an_address_without_its_port(client: str, address: str) -> None:
    assert environment(scope(client=client))["REMOTE_ADDR"] == came(client=client).ip == address


@pytest.mark.parametrize("name", ["x-forwarded-for", "x-original-uri", "authorization", "content-type", "origin"])
def test_a_header_that_cannot_be_read_is_refused_where_it_decides_something(name: str) -> None:
    """Granian leaves such a line out: a client could unsay with it what a proxy says."""
    told = send(Protocol(), (name, None))
    assert (told.status, told.body) == (400, b"A header holds characters that are not visible ASCII.\n")


def test_every_header_that_something_reads_is_one_that_decides() -> None:
    """Or it may be missing without harm: a browser's cookies, and what is only written down."""
    said = "\n".join(sources.read(name) for name in sources.modules())
    read = {name.lower() for name in re.findall(r'(?:header\(|headers\.get\(|headers\[)"([A-Za-z-]+)"', said)}
    read |= {name.lower().replace("_", "-") for name in re.findall(r'"HTTP_([A-Z_]+)"', said)}
    read |= {*original_request.METHOD_HEADERS, *original_request.PATH_HEADERS, "x-kaie-signature"}
    answers = {"date", "cache-control", "clear-site-data", "content-security-policy", "retry-after", "location"}
    answers |= {"refresh", "cross-origin-opener-policy", "cross-origin-resource-policy", "x-frame-options"}
    harmless = {"user-agent", "x-request-id", "traceparent", "accept", "accept-encoding"}  # one form instead of another
    assert len(read) > 15
    assert {name for name in read - answers if not arriving.DECIDING.fullmatch(name)} <= harmless


@pytest.mark.parametrize("name", ["cookie", "user-agent", "referer", "cf-region", "x-amzn-trace-id", "accept-language"])
def test_a_header_that_decides_nothing_may_be_unreadable(name: str) -> None:
    assert send(Protocol(), (name, None)).status == 200


@pytest.mark.parametrize("hosts", [(), ("",), ("id.example", "id.example"), ("id.example,other",)])
def test_a_request_names_one_host(hosts: tuple[str, ...]) -> None:
    given = tuple(("host", host) for host in hosts)
    assert send(Protocol(), *given, http_version="1.1").status == 400


def test_http_1_0_needs_no_host() -> None:
    assert send(Protocol(), http_version="1.0").status == 200


# ---- bodies


def test_a_body_reaches_the_application_whole() -> None:
    assert send(Protocol(b"a", b"b"), ("content-length", "2"), method="POST").body == b"ab"
    assert send(Protocol(b"a", b"b"), ("transfer-encoding", "chunked"), method="POST").body == b"ab"


def test_a_body_that_does_not_come_is_408_and_ends_the_connection() -> None:
    for given in (("content-length", "9"), ("transfer-encoding", "chunked")):
        told = send(Protocol(b"a", None), given, method="POST")
        assert told.status == 408 and ("Connection", "close") in told.headers


@pytest.mark.parametrize("length", [9, arriving.SMALL_BODY + 9])
def test_a_body_that_breaks_off_is_no_request(length: int) -> None:
    told = send(Protocol(b"a" * (length - 1)), ("content-length", str(length)), method="POST")
    assert (told.status, told.body) == (400, b"The body of the request broke off.\n")


def test_a_body_over_the_limit_is_not_read() -> None:
    told = send(Protocol(b"a"), ("content-length", str(arriving.MAX_BODY + 1)), method="POST")
    assert told.taken == 0


def test_a_body_without_a_length_is_read_up_to_the_limit_and_one_byte() -> None:
    chunks = [b"a" * 100_000] * 9
    told = send(Protocol(*chunks), ("transfer-encoding", "chunked"), method="POST")
    assert told.taken == 3 and len(told.body) == arriving.MAX_BODY + 1


def test_a_client_that_goes_away_in_the_middle_leaves_no_trace(caplog: pytest.LogCaptureFixture) -> None:
    assert send(Protocol(gone=True), ("content-length", "9"), method="POST").status == 400  # if it still listens
    assert caplog.records == []


@pytest.mark.parametrize("length", ["-1", "+5", "9" * 40, "five", "５"])
def test_a_length_that_is_no_number_is_one_too_large(length: str) -> None:
    assert send(Protocol(b"hello"), ("content-length", length), method="POST").taken == 0


@pytest.mark.parametrize(("length", "too_large"), [(exchange.MAX_BODY, False), (exchange.MAX_BODY + 1, True)])
@pytest.mark.parametrize("sized", [True, False])
def test_an_endpoint_is_told_of_a_body_that_is_longer_than_it_takes(length: int, too_large: bool, sized: bool) -> None:
    met: list[Incoming] = []

    def answer(asked: Incoming) -> Outgoing:
        met.append(asked)
        return Outgoing(200)

    async def go() -> None:
        header = ("content-length", str(length)) if sized else ("transfer-encoding", "chunked")
        server: Any = Front(fault, threads=1, place=lambda _asked: (PROTOCOL, answer))
        await server.__rsgi__(scope(header, method="POST"), Protocol(b"a" * length))

    asyncio.run(go())
    assert [(each.body_too_large, len(each.body)) for each in met] == [(too_large, 0 if too_large else length)]


def test_large_bodies_wait_for_each_other_and_small_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arriving, "LARGE_BODIES", 1)
    more = b"a" * (arriving.SMALL_BODY + 1)
    large, late, small, unsized = Protocol(more, None), Protocol(more, b"b"), Protocol(b"c"), Protocol(b"d")
    chunked = ("transfer-encoding", "chunked")

    async def go() -> None:
        server: Any = Front(echo, threads=1, body_seconds=0.2)
        holder = asyncio.create_task(server.__rsgi__(scope(chunked, method="POST"), large))
        await asyncio.sleep(0)
        await server.__rsgi__(scope(chunked, method="POST"), unsized)
        waiter = asyncio.create_task(server.__rsgi__(scope(chunked, method="POST"), late))
        await server.__rsgi__(scope(("content-length", "1"), method="POST"), small)
        assert (late.taken, small.body, unsized.body) == (1, b"c", b"d")
        await asyncio.gather(holder, waiter)

    asyncio.run(go())
    assert large.status == 408


# ---- answers


def test_a_fault_of_the_application_leaves_the_thread_for_the_next_request() -> None:
    asked = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked.append(environ["PATH_INFO"])
        if len(asked) == 1:
            raise RuntimeError("a fault")
        return echo(environ, start_response)

    first, second = Protocol(), Protocol()

    async def go() -> None:
        server: Any = Front(app, threads=1)
        await server.__rsgi__(scope(), first)
        await server.__rsgi__(scope(), second)

    asyncio.run(go())
    assert (first.status, second.status) == (500, 200)


def fault(_environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
    raise RuntimeError("a fault")


REFUSED = {
    "a header of raw bytes": (Protocol(), [("host", None)], echo, 400),
    "a body that does not come": (Protocol(None), [("content-length", "9")], echo, 408),
    "a body that breaks off": (Protocol(b"a"), [("content-length", "9")], echo, 400),
    "a fault": (Protocol(), [], fault, 500),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_answered_without_the_application_has_the_headers_of_every_answer(what: str) -> None:
    protocol, sent, app, status = REFUSED[what]
    told = send(protocol, *sent, app=app, method="POST")
    assert told.status == status and told.body
    assert headers.hsts() and {*headers.for_machines(), *headers.hsts()} <= set(told.headers)
    assert [name for name, _ in told.headers if name == "Server"] == ["Server"]


def test_what_the_application_returned_is_closed() -> None:
    class Answer(list[bytes]):
        closed = False

        def close(self) -> None:
            self.closed = True

    answer = Answer([b"a"])

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return answer

    assert send(Protocol(), app=app).body == b"a" and answer.closed


@pytest.mark.parametrize("room", [INSTANT, PROTOCOL])
def test_what_has_an_answer_of_its_own_meets_no_wsgi(room: Any) -> None:
    told = [Protocol(), Protocol()]

    def answer(asked: Incoming) -> Outgoing:
        return Outgoing(203, asked.path.encode(), [("X-Own", "1")])

    async def go() -> None:
        server: Any = Front(fault, threads=1, place=lambda _asked: (room, answer))
        await server.__rsgi__(scope(path="/a"), told[0])
        await server.__rsgi__(scope(path="/a", method="HEAD"), told[1])

    asyncio.run(go())
    assert [(each.status, each.body) for each in told] == [(203, b"/a"), (203, b"")]
    assert all(each.headers == [("X-Own", "1"), ("Content-Length", "2"), ("Server", "")] for each in told)


def test_a_fault_of_an_answer_is_a_500() -> None:
    def broken(_asked: Incoming) -> Outgoing:
        raise RuntimeError("a fault")

    told = Protocol()

    async def go() -> None:
        server: Any = Front(echo, threads=1, place=lambda _asked: (INSTANT, broken))
        await server.__rsgi__(scope(), told)

    asyncio.run(go())
    assert told.status == 500 and set(headers.for_machines()) <= set(told.headers)


def test_granian_does_not_name_itself() -> None:
    assert ("Server", "") in send(Protocol()).headers
