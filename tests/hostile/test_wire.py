"""Bytes that no HTTP library would send, against a served process: framing, lengths, slow clients (class C25)."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator

import pytest
import requests

from tests.support.served import Served, shared

pytestmark = [pytest.mark.served, pytest.mark.usefixtures("faults_before")]
BODY = b"grant_type=client_credentials"
LAST = b"Host: localhost\r\nConnection: close\r\n\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


# Framing is the server's alone, whatever the database.
@pytest.fixture(scope="module")
def served() -> Served:
    return shared("sqlite")


def talk(served: Served, raw: bytes, seconds: float = 3) -> bytes:
    """Everything that the server says to these bytes until it closes or falls silent."""
    port = int(served.issuer.rpartition(":")[2])
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(raw)
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while data := connection.recv(65_536):
                said += data
    return said


def post(*headers: bytes, body: bytes = BODY, path: bytes = b"/oauth/token", version: bytes = b"HTTP/1.1") -> bytes:
    head = b"POST " + path + b" " + version + b"\r\nHost: localhost\r\nConnection: close\r\n"
    return head + b"".join(each + b"\r\n" for each in headers) + b"\r\n" + body


AMBIGUOUS = {
    "two lengths": post(b"Content-Length: 29", b"Content-Length: 5"),
    "a list of lengths": post(b"Content-Length: 29, 5"),
    "a length and chunked": post(
        b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\nGET /x HTTP/1.1\r\n\r\n"
    ),
    "a length of a word": post(b"Content-Length: many"),
    "a negative length": post(b"Content-Length: -1"),
    "a length with a plus": post(b"Content-Length: +29"),
    "a huge length": post(b"Content-Length: " + b"9" * 30),
    "an unknown coding": post(b"Transfer-Encoding: xchunked"),
    "chunked twice": post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "a space before the colon": post(b"Content-Length : 29"),
    "a folded header": post(b"X: a\r\n b", b"Content-Length: 29"),
    "a NUL in a header": post(b"X: a\x00b", b"Content-Length: 29"),
    "a bare carriage return": post(b"X: a\rb", b"Content-Length: 29"),
    "no host": b"GET /login HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /login HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\nConnection: close\r\n\r\n",
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a method of garbage": b"G@T / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "another version": b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "a chunk size of garbage": post(b"Transfer-Encoding: chunked", FORM.strip(), body=b"zz\r\nx\r\n0\r\n\r\n"),
    "a chunk size without end": post(b"Transfer-Encoding: chunked", body=b"f" * 40 + b"\r\n"),
    "a very long header": post(b"X: " + b"a" * 300_000),
    "a thousand headers": post(*[b"X-%d: a" % number for number in range(1000)]),
    "an absolute URI of another host": b"GET http://evil.example/login HTTP/1.1\r\n" + LAST,
    "a path of dots": b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "a path with a NUL": b"GET /login\x00 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "a path in raw bytes": b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "a body on GET": b"GET /oauth/userinfo HTTP/1.1\r\nContent-Length: 5\r\n" + LAST + b"hello",
}


@pytest.mark.parametrize("what", AMBIGUOUS)
def test_ambiguous_or_broken_framing_gets_one_refusal_at_most(served: Served, what: str) -> None:
    said = talk(served, AMBIGUOUS[what])
    assert said.count(b"HTTP/1.1 ") + said.count(b"HTTP/1.0 ") <= 1, said
    if said:
        status = int(said.split(b" ", 2)[1])
        assert status < 500, said[:400]
        assert b'"access_token"' not in said
    assert b"evil" not in said.partition(b"\r\n\r\n")[0]
    assert requests.get(served.issuer + "/healthz", timeout=5).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\nBad Header: x\r\nHost: a\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n" + LAST,
    ],
)
def test_what_is_no_http_gets_an_empty_answer(served: Served, sent: bytes) -> None:
    """It is granian's own, which no header can be put on: there is nothing in it to protect (ASVS 3.4)."""
    head, _, body = talk(served, sent).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 4") and b"content-length: 0" in head and not body


@pytest.mark.parametrize("path", [b"/", b"/healthz", b"/v1/me", b"/nothing"])
def test_no_websocket_is_opened(served: Served, path: bytes) -> None:
    upgrade = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    said = talk(served, b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n" + upgrade + key)
    assert b" 101 " not in said.partition(b"\r\n")[0] and b"sec-websocket-accept" not in said.lower()


def test_a_chunked_body_is_read_like_any_other(served: Served) -> None:
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    said = talk(served, post(b"Transfer-Encoding: chunked", FORM.strip(), body=chunked))
    assert b"invalid_client" in said


def test_a_chunked_body_without_end_is_cut_off(served: Served) -> None:
    chunk = b"%x\r\n%s\r\n" % (60_000, b"a" * 60_000)
    said = talk(served, post(b"Transfer-Encoding: chunked", FORM.strip(), body=chunk * 20 + b"0\r\n\r\n"))
    assert b" 413 " in said.partition(b"\r\n")[0] or b" 400 " in said.partition(b"\r\n")[0] or said == b""


def test_two_requests_on_one_connection_get_two_answers_in_order(served: Served) -> None:
    one = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    two = b"GET /.well-known/jwks.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    said = talk(served, one + two)
    assert said.count(b"HTTP/1.1 200") == 2 and said.index(b"ok") < said.index(b'"keys"')


def test_head_has_the_headers_of_get_and_no_body(served: Served) -> None:
    for path in ("/healthz", "/login", "/readyz"):
        head = talk(served, b"HEAD %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % (
            path.encode(), served.issuer.removeprefix("http://").encode()))  # fmt: skip
        assert head.startswith(b"HTTP/1.1 200") and head.endswith(b"\r\n\r\n"), head


def test_no_answer_names_the_server_software(served: Served) -> None:
    for path in ("/healthz", "/login", "/nothing", "/oauth/token"):
        got = requests.get(served.issuer + path, timeout=5)
        assert not got.headers.get("Server") and "granian" not in str(got.headers).lower()


@contextlib.contextmanager
def slow_clients(served: Served, count: int) -> Iterator[None]:
    """Connections that began a request and never end its headers."""
    port = int(served.issuer.rpartition(":")[2])
    held = []
    try:
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", port), timeout=5)
            connection.sendall(b"POST /oauth/token HTTP/1.1\r\nHost: localhost\r\n")
            held.append(connection)
        yield
    finally:
        for connection in held:
            connection.close()


def test_slow_clients_do_not_hold_up_the_others(served: Served) -> None:
    with slow_clients(served, 60):
        started = time.monotonic()
        for _ in range(20):
            assert requests.get(served.issuer + "/healthz", timeout=5).status_code == 200
        assert time.monotonic() - started < 5


def test_clients_that_say_nothing_are_let_go(served: Served) -> None:
    port = int(served.issuer.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        assert connection.recv(1) == b""


def test_http_2_without_tls_is_not_spoken(served: Served) -> None:
    """Its header lists and streams would have no limit that holds."""
    said = talk(served, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
    assert not said or said.startswith(b"HTTP/1.1 4")


def test_a_header_of_raw_bytes_unsays_nothing(served: Served) -> None:
    for name in (b"X-Forwarded-For", b"X-Original-URI", b"Authorization"):
        said = talk(served, b"GET /gateway/auth HTTP/1.1\r\n" + name + b": \xe9\r\n" + LAST)
        assert said.startswith(b"HTTP/1.1 400"), said[:200]


def test_a_header_of_raw_bytes_that_nobody_reads_stops_nothing(served: Served) -> None:
    host = served.issuer.removeprefix("http://").encode()
    for path in (b"/login", b"/healthz", b"/.well-known/jwks.json"):
        said = talk(
            served,
            b"GET %s HTTP/1.1\r\nHost: %s\r\ncf-region: S\xc3\xa3o Paulo\r\nConnection: close\r\n\r\n" % (path, host),
        )
        assert said.startswith(b"HTTP/1.1 200"), (path, said[:200])


@contextlib.contextmanager
def stalled_bodies(served: Served, count: int) -> Iterator[list[socket.socket]]:
    """Connections that sent all headers and half a body."""
    port = int(served.issuer.rpartition(":")[2])
    head = post(b"Content-Length: %d" % len(BODY), FORM.strip(), body=BODY[:10])
    with contextlib.ExitStack() as stack:
        held = []
        for _ in range(count):
            held.append(stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5)))
            held[-1].sendall(head)
        yield held


def test_stalled_bodies_do_not_hold_up_the_others(served: Served) -> None:
    with stalled_bodies(served, 60):
        started = time.monotonic()
        for _ in range(20):
            assert requests.post(served.issuer + "/oauth/token", data={}, timeout=5).status_code == 400
            assert requests.get(served.issuer + "/login", timeout=5).status_code == 200
        assert time.monotonic() - started < 10


def test_a_body_that_comes_late_is_answered_all_the_same(served: Served) -> None:
    with stalled_bodies(served, 1) as (connection,):
        time.sleep(0.5)
        connection.sendall(BODY[10:])
        assert b"invalid_client" in connection.recv(65_536)


@pytest.mark.parametrize("path", ["/oauth/token", "/login", "/v1/api-keys"])
def test_a_body_over_every_limit_is_refused_unread(served: Served, path: str) -> None:
    """By whatever looks first: size, credential, or the page's Host."""
    said = talk(served, post(b"Content-Length: 900000000", FORM.strip(), body=b"a=", path=path.encode()))
    assert said.startswith((b"HTTP/1.1 413", b"HTTP/1.1 401", b"HTTP/1.1 421")), said[:200]


@pytest.mark.parametrize(
    "names", [("X-Original-Method", "X_Original-Method"), ("X_Original_Method", "X-Original-Method")]
)
def test_a_header_with_underscores_stands_for_no_other(served: Served, names: tuple[str, str]) -> None:
    """A proxy that lets such names through must not let its client write over what it says itself (contract 11.25)."""
    served.user("alice@example.test")
    key = served.cli("key", "create", "--owner", "alice@example.test", "--name", "Wire", "--permission", "read_only")
    asked = b"".join(b"%s: %s\r\n" % (name.encode(), b"GET" if "_" in name else b"DELETE") for name in names)
    said = talk(
        served,
        b"GET /gateway/auth/methods HTTP/1.1\r\n" + asked + b"X-Original-URI: /x\r\n"
        b"Authorization: Bearer " + key["key"].encode() + b"\r\n" + LAST,
    )
    assert said.startswith(b"HTTP/1.1 403"), said[:400]


def test_a_well_formed_request_still_works_afterwards(served: Served, faults_before: int) -> None:
    job = served.machine("Survivor")
    assert json.loads(job.client_credentials().body)["token_type"] == "Bearer"
    assert served.errors()[faults_before:] == []
