"""What goes on while tokens are measured: clients that ask again and again for something slow, and what makes it slow.

They live in a process of their own and cost little: only what they make the server wait for is to be seen.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import multiprocessing
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlencode

import psycopg
import requests as http

from bench.conversations import raw
from tests.support import own_jwts
from tests.support.served import PASSWORD, Served
from tests.support.slow_names import SLOW
from tests.support.stopped import OwnPostgres
from tests.support.third_party import App

# Each asks no more often than this, in seconds: what is answered at once is no load that is to be measured.
PAUSE = 0.25
Going = contextlib.AbstractContextManager[Counter[str]]


@dataclass(frozen=True)
class Stage:
    """Where it all happens: the server, its database, the port of a host that says nothing, and who asks."""

    server: Served
    postgres: OwnPostgres
    silent: int
    job: App

    @property
    def host(self) -> str:
        """As requests name it."""
        return self.server.issuer.partition("://")[2]


def sign_ins(stage: Stage) -> Going:
    """One account signs in with its right password, over 24 connections."""
    email = "bench@example.test"
    stage.server.user(email)
    browser = stage.server.browser()
    form = browser.open("/login").form("/login")
    cookie = "; ".join(f"{name}={value}" for name, value in browser.wire.cookies().items())
    body = urlencode(form.filled(email=email, password=PASSWORD))
    return asking(stage, 24, [raw("POST /login", stage.host, {"Cookie": cookie}, body)])


def slow_names(stage: Stage) -> Going:
    """A webhook moves to names that no resolver answers for, and clients have a `jwks_uri` there."""
    server = stage.server
    server.user("bench@example.test", admin=True)  # whose changes nobody counts
    made = server.cli("key", "create", "--owner", "bench@example.test", "--name", "B", "--permission", "full_access")
    sent = {"Authorization": f"Bearer {made['key']}"}
    wish = {"name": "Bench", "url": "https://quick.example/"}
    hook = http.post(f"{server.issuer}/v1/webhooks", json=wish, headers=sent, timeout=30).json()["data"]["id"]
    moves = [
        raw(f"PATCH /v1/webhooks/{hook}", stage.host, sent, json.dumps({"url": f"https://h{n}.{SLOW}/"}), JSON)
        for n in range(200)
    ]
    return asking(stage, 16, [*moves, *_presented(stage, f"https://k{{}}.{SLOW}/", 100)])


JSON = "application/json"


def silent_key_sets(stage: Stage) -> Going:
    """Clients whose `jwks_uri` accepts and says nothing."""
    return asking(stage, 16, _presented(stage, f"http://127.0.0.1:{stage.silent}/{{}}", 200))


def _presented(stage: Stage, uri: str, count: int) -> list[bytes]:
    """Introspections of JWTs of clients that have their keys at this address."""
    server = stage.server
    clients = [server.machine(f"Mute {n}", "--jwks-uri", uri.format(n)).client_id for n in range(8)]
    jwts = [own_jwts.own(clients[n % len(clients)], aud=f"{server.issuer}/v1") for n in range(count)]
    return [raw("POST /oauth/introspect", stage.host, stage.job.basic, f"token={each}") for each in jwts]


@contextlib.contextmanager
def slow_pages(stage: Stage) -> Iterator[Counter[str]]:
    """Somebody holds the tables that every page reads, and 24 browsers wait for one."""
    page = raw("GET /apps", stage.host, {"Cookie": "authserver_session=" + "x" * 43})
    with psycopg.connect(stage.postgres.url.replace("+psycopg", "", 1)) as admin:
        admin.execute("LOCK TABLE users, sessions, form_nonces IN ACCESS EXCLUSIVE MODE")
        with asking(stage, 24, [page]) as told:
            yield told
        admin.rollback()


@contextlib.contextmanager
def stopped_database(stage: Stage) -> Iterator[Counter[str]]:
    """PostgreSQL is stopped as it stands (SIGSTOP), and 16 connections ask what needs it."""
    token = stage.job.client_credentials().json["access_token"]
    asked = raw("POST /oauth/introspect", stage.host, stage.job.basic, f"token={token}")
    with asking(stage, 16, [asked]) as told, stage.postgres.stopped():
        yield told


KINDS: dict[str, Callable[[Stage], Going]] = {
    "sign-ins of one account": sign_ins,
    "slow DNS": slow_names,
    "hanging jwks_uri": silent_key_sets,
    "slow pages": slow_pages,
    "PostgreSQL stopped": stopped_database,
}


@contextlib.contextmanager
def asking(stage: Stage, connections: int, requests: Sequence[bytes]) -> Iterator[Counter[str]]:
    """So many connections go on asking in turn, during a block; afterwards what they were told, by status."""
    context = multiprocessing.get_context("fork")
    over, found = context.Event(), context.Queue()
    port = int(stage.host.rpartition(":")[2])
    process = context.Process(target=_ask, args=(port, connections, requests, over, found), daemon=True)
    process.start()
    told: Counter[str] = Counter()
    try:
        time.sleep(1)
        yield told
    finally:
        over.set()
        told.update(found.get(timeout=60))
        process.join(10)


def _ask(port: int, connections: int, requests: Sequence[bytes], over: Any, found: Any) -> None:
    turn, told = itertools.count(), Counter[str]()

    def go_on() -> None:
        while not over.is_set():
            again = time.monotonic() + PAUSE
            told[_answer(port, requests[next(turn) % len(requests)])] += 1
            over.wait(max(0.0, again - time.monotonic()))

    threads = [threading.Thread(target=go_on, daemon=True) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found.put(told)


def _answer(port: int, request: bytes) -> str:
    """The status of one answer, or that none came in time."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(request)
            answer = HTTPResponse(connection)
            answer.begin()
            return str(answer.status)
    except (OSError, HTTPException):
        return "none"
