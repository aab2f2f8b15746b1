"""A room that is full says so at once over HTTP, in the format of its door, with a request id (E3, E19)."""

from __future__ import annotations

import contextlib
import json
import re
import selectors
import socket
import time
from collections.abc import Iterator
from http.client import HTTPResponse

import psycopg
import pytest
import requests

from authserver.edge import pools
from tests.services import postgres
from tests.support import parallel, served
from tests.support.served import Served

pytestmark = [pytest.mark.served, pytest.mark.fault, pytest.mark.usefixtures("socket_enabled")]
SOON = 3.0  # of a busy machine; whoever waits for a table waits for two seconds of its room's at least


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("full-rooms")
    running = served.start(
        "postgresql", folder, workers=1, connections_per_address=0, metrics_bind=f"127.0.0.1:{served.free_port()}"
    )
    try:
        yield running
    finally:
        running.stop()
        postgres.drop_database(running.environment["AUTHSERVER_DATABASE_URL"])


@contextlib.contextmanager
def every_table_held(server: Served) -> Iterator[None]:
    """Somebody holds every table, so that whoever asks the database waits; versions of the cache are still read."""
    url = server.environment["AUTHSERVER_DATABASE_URL"].replace("+psycopg", "", 1)
    with psycopg.connect(url) as admin:
        found = admin.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        names = ", ".join(f'"{name}"' for (name,) in found if name not in ("cache_versions", "cache_changes"))
        admin.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
        yield
        admin.rollback()


@contextlib.contextmanager
def asked(server: Served, raw: bytes, count: int) -> Iterator[list[socket.socket]]:
    """So many connections with a request each, which nobody has answered yet."""
    port = int(server.issuer.rpartition(":")[2])
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(count)]
        for each in sockets:
            each.sendall(raw)
        yield sockets


def answered(sockets: list[socket.socket]) -> list[socket.socket]:
    """Those that have an answer by now."""
    with selectors.DefaultSelector() as selector:
        for each in sockets:
            selector.register(each, selectors.EVENT_READ, each)
        return [key.data for key, _ in selector.select(0.1)]


def of_pages(server: Served) -> bytes:
    return _get(server, "/apps", "Cookie: authserver_session=" + "x" * 43)


def of_the_api(server: Served) -> bytes:
    server.user("alice@example.test")
    made = server.cli("key", "create", "--owner", "alice@example.test", "--name", "CI", "--permission", "read_only")
    return _get(server, "/v1/me", f"Authorization: Bearer {made['key']}")


def _get(server: Served, path: str, header: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {server.issuer.partition('://')[2]}\r\n{header}\r\n\r\n".encode()


def of_the_protocol(server: Served) -> bytes:
    job = server.machine("Asks a lot")
    fields = {"token": job.client_credentials().json["access_token"]}
    return parallel.request(server.issuer + "/oauth/introspect", fields, job.basic).replace(
        b"Connection: close", b"X: 1"
    )


DOORS = {"pages": of_pages, "api": of_the_api, "protocol": of_the_protocol}


def says_so_on_a_page(said: str, request_id: str) -> None:
    assert "<h1>Busy right now</h1>" in said and f'data-copy="{request_id}"' in said


def says_so_like_the_api(said: str, request_id: str) -> None:
    error = json.loads(said)["error"]
    assert (error["code"], error["request_id"]) == ("TEMPORARILY_UNAVAILABLE", request_id)
    assert error["retry_after"] > 0 and error["message"]


def says_so_like_oauth(said: str, _request_id: str) -> None:
    answer = json.loads(said)
    assert answer["error"] == "temporarily_unavailable" and answer["error_description"]


SAYING = {"pages": says_so_on_a_page, "api": says_so_like_the_api, "protocol": says_so_like_oauth}


@pytest.mark.parametrize("room", DOORS)
def test_who_finds_a_room_full_is_told_so_at_once_and_when_to_come_back(server: Served, room: str) -> None:
    raw = DOORS[room](server)
    time.sleep(1.5)  # whatever was just made is known
    size = next(size for each, size in pools.sizes(4).items() if each.name == room)
    with every_table_held(server), asked(server, raw, size.threads + size.waiting + 40) as sockets:
        began, refused = time.monotonic(), list[socket.socket]()
        while not refused and time.monotonic() - began < SOON:
            refused = answered(sockets)
        answer = HTTPResponse(refused[0])
        answer.begin()
        said = answer.read().decode()
    assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["Content-Security-Policy"]
    request_id = answer.headers["X-Request-Id"]
    SAYING[room](said, request_id)
    (line,) = [line for line in server.log.splitlines() if request_id in line]
    assert json.loads(line)["status"] == 503 and json.loads(line)["error"] == "room full"
    assert rejected(server, room) > 0


def rejected(server: Served, room: str) -> int:
    """How many, as the metrics tell."""
    told = requests.get(f"http://{server.environment['AUTHSERVER_METRICS_BIND']}/metrics", timeout=20).text
    counted = re.search(rf'queue_rejected_total{{room="{room}"}} (\S+)', told)
    return int(float(counted[1])) if counted else 0


def test_the_page_for_the_many_holds_nothing_of_anybody(server: Served) -> None:
    """It is made once and sent to all: each answer has a nonce of its own, and no form of any browser."""
    with every_table_held(server), asked(server, of_pages(server), 130) as sockets:
        time.sleep(1)
        told = [_read(each) for each in answered(sockets)[:2]]
    (one, one_head), (other, other_head) = told
    nonces = [re.findall(r"nonce-([^']+)'", head) for head in (one_head, other_head)]
    assert nonces[0] and set(nonces[0]).isdisjoint(nonces[1])
    assert all(f'nonce="{nonce[0]}"' in body for nonce, body in zip(nonces, (one, other), strict=True))
    assert "csrf_token" not in one and "of-its-own" not in one + one_head


def _read(connection: socket.socket) -> tuple[str, str]:
    answer = HTTPResponse(connection)
    answer.begin()
    return answer.read().decode(), str(answer.headers)
