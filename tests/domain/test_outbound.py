"""Requests of this server against real ones: where they go, and what may come back (C23, security 7.5)."""

from __future__ import annotations

import dataclasses
import gzip
import re
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import trustme
from flask import Flask

from authserver import config
from authserver.domain import outbound
from authserver.domain.record import audit
from authserver.edge import pools
from authserver.lib import rooms
from tests.support import receivers
from tests.support.receivers import Receiver
from tests.support.tables import rows

NAME = "hooks.test"


@pytest.fixture(autouse=True)
def _settings(app: Flask) -> None:
    """Blocks are recorded in the audit log, so that every fetch needs a database."""


def allowing(*entries: str, **more: Any) -> Any:
    return config.using(dataclasses.replace(config.current(), outbound_allow=entries, **more))


def post(url: str, body: bytes = b"{}", timeout: float = 5.0) -> outbound.Answer:
    return outbound.fetch(url, "POST", {"Content-Type": "application/json"}, body, timeout=timeout)


def names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let the resolver give these answers, one after the other; returns what it was asked."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def look_up(host: str, port: int, *args: Any, **more: Any) -> list[Any]:
        if host[:1].isdigit() or ":" in host:
            return real(host, port, *args, **more)
        found = answers[min(len(asked), len(answers) - 1)]
        asked.append(host)
        if not found:
            raise socket.gaierror
        return [(0, 0, 0, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


@rows(
    "url",
    [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.0.0.8/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::ffff:10.0.0.8]/",
        "https://[64:ff9b::a00:8]/",
        "https://[2002:a00:8::1]/",
        "https://100.64.0.1/",
        "https://0/",
        "https://127.1/",
        "https://8.8.8.8:8443/",
        "http://8.8.8.8/",
        "http://hooks.test/",
        "https://hooks/",
        "https://localhost/",
        "https://hooks.localhost/",
        "https://printer.local/",
        "https://metadata.google.internal/",
        "https://nas.home.arpa/",
        "https://user@hooks.test/",
        "ftp://hooks.test/",
    ],
)
def test_what_a_url_itself_gives_away_is_blocked(url: str) -> None:
    with pytest.raises(outbound.Blocked):
        post(url)


def test_the_reason_names_the_address() -> None:
    with pytest.raises(outbound.Blocked, match=r"^10\.0\.0\.8 is a private address\.$"):
        post("https://10.0.0.8/")


def test_a_name_of_a_private_network_is_blocked_before_anybody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = names(monkeypatch, ["8.8.8.8"])
    with pytest.raises(outbound.Blocked, match=r"^hooks\.internal names a private address\.$"):
        post("https://hooks.internal/")
    assert asked == []


def test_such_a_name_is_good_once_an_operator_opens_it(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    names(monkeypatch, ["127.0.0.1"])
    with allowing(f"hooks.internal:{receiver.port}"):
        assert post(receiver.url(host="hooks.internal")).status == 200
        with pytest.raises(outbound.Blocked):
            post(receiver.url(host="other.internal"))


def test_a_block_is_audited_without_the_path() -> None:
    with pytest.raises(outbound.Blocked):
        post("https://10.0.0.8/secret-path")
    [event], _ = audit.page(type="outbound.blocked")
    assert (event.target, event.result, event.reason) == ("host:10.0.0.8", "refused", "10.0.0.8 is a private address.")


@pytest.mark.parametrize("found", [["10.0.0.8"], ["8.8.8.8", "10.0.0.8"], ["10.0.0.8", "8.8.8.8"], ["fe80::1%1"]])
def test_one_private_address_of_a_name_is_enough(monkeypatch: pytest.MonkeyPatch, found: list[str]) -> None:
    names(monkeypatch, found)
    with pytest.raises(outbound.Blocked):
        post(f"https://{NAME}/")


def test_nobody_asks_us_what_address_a_name_has_in_here(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, ["10.0.0.8"])
    with pytest.raises(outbound.Blocked, match=rf"^{re.escape(NAME)} names a private address\.$"):
        post(f"https://{NAME}/")
    [event], _ = audit.page(type="outbound.blocked")
    assert event.reason == "10.0.0.8 is a private address.", "the operator is told"


def test_a_name_is_asked_once_and_the_checked_address_is_used(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    asked = names(monkeypatch, ["127.0.0.1"], ["10.0.0.8"])
    with allowing("127.0.0.0/8"):
        assert post(receiver.url(host=NAME)).status == 200
    assert asked == [NAME]
    assert receiver.got[0].headers["Host"] == f"{NAME}:{receiver.port}"


def test_a_name_that_moves_is_checked_at_every_request(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    names(monkeypatch, ["127.0.0.1"], ["10.0.0.8"])
    with allowing("127.0.0.0/8"):
        post(receiver.url(host=NAME))
        with pytest.raises(outbound.Blocked):
            post(receiver.url(host=NAME))


def test_a_name_without_address_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, [])
    with pytest.raises(outbound.Failed, match="has no address"):
        post(f"https://{NAME}/")


def test_a_resolver_that_hangs_costs_no_more_than_the_time_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: time.sleep(2) or [])
    began = time.monotonic()
    with pytest.raises(outbound.Failed, match="was not resolved"):
        post(f"https://{NAME}/", timeout=0.2)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("room", "kind"), [(pools.PAGES, "requests"), (pools.API, "requests"), (pools.OUTSIDE, "outside")]
)
def test_requests_look_up_a_few_names_and_are_told_at_once_of_the_next(
    monkeypatch: pytest.MonkeyPatch, room: rooms.Room, kind: str
) -> None:
    """Those that nobody waits for any more count until the resolver gives up."""
    gave_up = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: gave_up.wait(10) and [])

    def look_up() -> str:
        with rooms.entered(room), pytest.raises(outbound.Failed) as failed:
            outbound.permitted(outbound.check(f"https://{NAME}/"), timeout=0.05)
        return str(failed.value)

    said = [look_up() for _ in range(outbound.LOOKUPS[kind] + 1)]
    assert all("was not resolved" in each for each in said[:-1]) and "Too many names" in said[-1]
    gave_up.set()
    give_up = time.monotonic() + 5
    while "has no address" not in look_up():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def test_a_delivery_waits_for_a_place_among_those_who_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(outbound._places, "deliveries", threading.Semaphore(1))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: time.sleep(0.2) or [])
    for _ in range(2):
        with pytest.raises(outbound.Failed, match="was not resolved"):
            outbound.permitted(outbound.check(f"https://{NAME}/"), timeout=0.15)
    with pytest.raises(outbound.Failed, match="has no address"):
        outbound.permitted(outbound.check(f"https://{NAME}/"), timeout=3)


@pytest.mark.parametrize("entry", ["127.0.0.1", "127.0.0.0/8", "127.0.0.1:{port}", "0.0.0.0/0"])
def test_what_an_operator_opens_may_be_plain_http_on_any_port(receiver: Receiver, entry: str) -> None:
    with allowing(entry.format(port=receiver.port)):
        assert post(receiver.url()).body == b"ok"


def test_a_name_may_be_opened_for_one_port(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    names(monkeypatch, ["127.0.0.1"])
    with allowing(f"{NAME}:{receiver.port}"):
        assert post(receiver.url(host=NAME)).status == 200
    with allowing(f"{NAME}:1"), pytest.raises(outbound.Blocked):
        post(receiver.url(host=NAME))


def test_what_is_opened_opens_nothing_else(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    names(monkeypatch, ["127.0.0.1", "10.0.0.8"])
    with allowing("10.0.0.0/8"), pytest.raises(outbound.Blocked, match="this machine's own address"):
        post(receiver.url(host=NAME))
    assert receiver.got == []


def test_method_headers_and_body_arrive_as_given(receiver: Receiver) -> None:
    with allowing("127.0.0.1"):
        answer = outbound.fetch(receiver.url("/in?x=1"), "POST", {"X-One": "1"}, b'{"a": 1}')
    [got] = receiver.got
    assert (got.method, got.path, got.body, got.headers["X-One"]) == ("POST", "/in?x=1", b'{"a": 1}', "1")
    assert got.headers["Accept-Encoding"] == "identity"
    assert (answer.status, answer.cut) == (200, False)
    assert 0 <= answer.ms < 5000


def test_a_redirect_is_an_answer_like_any_other(receiver: Receiver) -> None:
    receiver.status, receiver.headers = 302, {"Location": receiver.url("/elsewhere")}
    with allowing("127.0.0.1"):
        assert post(receiver.url()).status == 302
    assert len(receiver.got) == 1


def test_a_proxy_of_the_environment_is_not_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with allowing("127.0.0.1"):
        assert post(receiver.url()).status == 200


def test_cookies_are_not_kept(receiver: Receiver) -> None:
    receiver.headers = {"Set-Cookie": "a=b"}
    with allowing("127.0.0.1"):
        post(receiver.url())
        post(receiver.url())
    assert "Cookie" not in receiver.got[1].headers


def test_a_body_is_cut_at_64_kb(receiver: Receiver) -> None:
    receiver.body = b"x" * 1_000_000
    with allowing("127.0.0.1"):
        answer = post(receiver.url())
    assert (len(answer.body), answer.cut) == (65_536, True)


def test_a_body_is_not_unpacked(receiver: Receiver) -> None:
    receiver.body = gzip.compress(b"0" * 10_000_000)
    receiver.headers = {"Content-Encoding": "gzip"}
    with allowing("127.0.0.1"):
        assert post(receiver.url()).body == receiver.body


def silent(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


def trickles_its_head(handler: BaseHTTPRequestHandler) -> None:
    for _ in range(100):
        handler.wfile.write(b"H")
        handler.wfile.flush()
        time.sleep(0.1)


def trickles_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(50):
        handler.wfile.write(b"X-%d: 1\r\n" % number)
        handler.wfile.flush()
        time.sleep(0.1)


def trickles_its_body(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(100):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.1)


@pytest.mark.parametrize("act", [silent, trickles_its_head, trickles_headers, trickles_its_body])
def test_nobody_holds_us_longer_than_the_time_given(receiver: Receiver, act: Any) -> None:
    receiver.act = act
    began = time.monotonic()
    with allowing("127.0.0.1"), pytest.raises(outbound.Failed, match="No answer within"):
        post(receiver.url(), timeout=0.6)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_nonsense_is_a_failure_and_no_crash(receiver: Receiver, head: bytes) -> None:
    receiver.act = lambda handler: handler.wfile.write(head) and None
    with allowing("127.0.0.1"), pytest.raises(outbound.Failed):
        post(receiver.url(), timeout=2)


def test_a_closed_port_is_said_to_be_one() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with allowing("127.0.0.1"), pytest.raises(outbound.Failed, match="refused"):
        post(f"http://127.0.0.1:{port}/")


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def tls(authority: trustme.CA, *, name: str = NAME, expired: bool = False) -> ssl.SSLContext:
    import datetime

    ends = datetime.datetime(2020, 1, 1) if expired else None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, not_after=ends).configure_cert(context)
    return context


def bundle(authority: trustme.CA, folder: Path) -> str:
    file = folder / "ca.pem"
    authority.cert_pem.write_to_path(file)
    return str(file)


def test_the_name_is_sent_and_proven_although_an_address_is_called(
    monkeypatch: pytest.MonkeyPatch, authority: trustme.CA, tmp_path: Path
) -> None:
    names(monkeypatch, ["127.0.0.1"])
    context, sent = tls(authority), []
    context.sni_callback = lambda _socket, name, _context: sent.append(name)
    with receivers.listening(tls=context) as there, allowing("127.0.0.1", outbound_ca=bundle(authority, tmp_path)):
        assert post(there.url(host=NAME, scheme="https")).status == 200
    assert sent == [NAME]


@pytest.mark.parametrize("wrong", [{"name": "other.test"}, {"expired": True}])
def test_a_wrong_certificate_gets_no_request(
    monkeypatch: pytest.MonkeyPatch, authority: trustme.CA, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    names(monkeypatch, ["127.0.0.1"])
    ours = bundle(authority, tmp_path)
    with receivers.listening(tls=tls(authority, **wrong)) as there, allowing("127.0.0.1", outbound_ca=ours):
        with pytest.raises(outbound.Failed, match="certificate"):
            post(there.url(host=NAME, scheme="https"))
        assert there.got == []


def test_a_certificate_nobody_vouches_for_gets_no_request(
    monkeypatch: pytest.MonkeyPatch, authority: trustme.CA
) -> None:
    names(monkeypatch, ["127.0.0.1"])
    with receivers.listening(tls=tls(authority)) as there, allowing("127.0.0.1"):
        with pytest.raises(outbound.Failed, match="certificate"):
            post(there.url(host=NAME, scheme="https"))
        assert there.got == []
