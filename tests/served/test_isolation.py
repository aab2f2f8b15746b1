"""Nothing slow stops anything that need not wait for it (security.md 15.4.4, E5): each with a slow counterpart."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
import requests

from tests.support import own_jwts, served
from tests.support.served import PASSWORD, Served
from tests.support.stopped import OwnPostgres, own_postgres

pytestmark = [pytest.mark.served, pytest.mark.fault, pytest.mark.usefixtures("socket_enabled")]

# Far above what a busy machine takes for one of these, far below what waiting for any of the slow ones costs.
SOON = 1.0


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnPostgres]:
    with own_postgres(tmp_path_factory.mktemp("isolation")) as running:
        yield running


@pytest.fixture(scope="module")
def silent() -> Iterator[int]:
    """A server that takes connections and says nothing; its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        yield listening.getsockname()[1]


@pytest.fixture(scope="module")
def server(postgres: OwnPostgres, silent: int) -> Iterator[Served]:
    options = {"workers": 1, "url": postgres.url, "outbound_allow": "127.0.0.1", "metrics_bind": "127.0.0.1:0"}
    with served.running("postgresql", **options) as running:
        yield running


@pytest.fixture(scope="module")
def job(server: Served) -> tuple[str, str]:
    made = server.machine()
    return made.client_id, made.client_secret


def get(server: Served, path: str, **more: Any) -> requests.Response:
    return requests.get(server.issuer + path, timeout=20, **more)


def token(server: Served, job: tuple[str, str]) -> requests.Response:
    return requests.post(
        server.issuer + "/oauth/token", data={"grant_type": "client_credentials"}, auth=job, timeout=20
    )


def introspect(server: Served, job: tuple[str, str], presented: str) -> requests.Response:
    return requests.post(server.issuer + "/oauth/introspect", data={"token": presented}, auth=job, timeout=20)


def preflight(server: Served) -> requests.Response:
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    return requests.options(server.issuer + "/oauth/token", headers=asked, timeout=20)


def quick_ones(server: Served, job: tuple[str, str]) -> None:
    """Everything that needs no database, several times: each answers well, and soon."""
    for _ in range(5):
        for ask, status in (
            (lambda: get(server, "/healthz"), 200),
            (lambda: get(server, "/.well-known/jwks.json"), 200),
            (lambda: get(server, "/.well-known/openid-configuration"), 200),
            (lambda: get(server, "/.well-known/oauth-protected-resource/v1"), 200),
            (lambda: preflight(server), 204),
            (lambda: token(server, job), 200),
        ):
            began = time.monotonic()
            answer = ask()
            assert answer.status_code == status, answer.text
            assert time.monotonic() - began < SOON, answer.url


@dataclass(frozen=True)
class Told:
    """What is kept of an answer: the whole would keep its connection, and a server has so many."""

    status_code: int
    seconds: float
    retry_after: str


@contextlib.contextmanager
def meanwhile(ask: Any, clients: int = 16) -> Iterator[list[Told]]:
    """So many clients go on asking during a block, whatever they are told."""
    over, told = threading.Event(), list[Told]()

    def go_on() -> None:
        while not over.is_set():
            with contextlib.suppress(requests.RequestException):
                answer = ask()
                retry_after = answer.headers.get("Retry-After", "")
                told.append(Told(answer.status_code, answer.elapsed.total_seconds(), retry_after))
                answer.close()
            time.sleep(0.05)  # else what these clients cost this process would be measured

    threads = [threading.Thread(target=go_on, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    try:
        yield told
    finally:
        over.set()
        for thread in threads:
            thread.join(30)


@pytest.mark.long_fault
def test_a_stopped_database_holds_up_nothing_that_needs_none(
    server: Served, postgres: OwnPostgres, job: tuple[str, str]
) -> None:
    time.sleep(1.5)  # clients made by others are known
    issued = token(server, job).json()["access_token"]
    quick_ones(server, job)  # all that they need is at hand now
    with (
        meanwhile(lambda: introspect(server, job, issued)) as told,
        meanwhile(lambda: get(server, "/readyz"), 8),
        postgres.stopped(),
    ):
        began = time.monotonic()
        while time.monotonic() - began < 5:
            quick_ones(server, job)
    slow = [answer for answer in told if answer.seconds > SOON]
    refused = [answer for answer in told if answer.status_code == 503]
    assert refused and all(answer.retry_after for answer in refused)
    assert {answer.status_code for answer in told} <= {200, 503}
    assert len(slow) < len(refused) / 2  # one wait in vain for each thread, then none
    assert all(answer.seconds < 4 for answer in told)
    assert back(lambda: introspect(server, job, issued).json().get("active"))


def test_a_preflight_that_nothing_is_known_for_is_refused_cleanly_while_the_database_is_stopped(
    server: Served, postgres: OwnPostgres
) -> None:
    """A browser would take an answer without permission for the app's own fault; with 503 it can be tried again."""
    server.machine("Forgets the origins")
    time.sleep(1.5)  # the change is known, and nobody has asked for the origins since
    with postgres.stopped():
        told = [preflight(server) for _ in range(4)]
    assert {answer.status_code for answer in told} == {503}
    assert all(answer.headers["Retry-After"] and answer.json()["error"] for answer in told)
    assert all("Access-Control-Allow-Methods" not in answer.headers for answer in told)
    assert told[0].elapsed.total_seconds() < 4
    assert all(answer.elapsed.total_seconds() < SOON for answer in told[1:])
    assert back(lambda: preflight(server).status_code == 204)


def back(ask: Any, seconds: float = 5.0) -> bool:
    """Whether this holds within so long."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if ask():
            return True
        time.sleep(0.1)
    return False


def test_slow_pages_hold_up_no_protocol(server: Served, postgres: OwnPostgres, job: tuple[str, str]) -> None:
    """Somebody holds a table that every page reads."""
    server.user("alice@example.test")
    made = server.cli("key", "create", "--owner", "alice@example.test", "--name", "CI", "--permission", "read_only")
    key, issued = made["key"], token(server, job).json()["access_token"]
    time.sleep(1.5)  # every worker has heard of the app that was just made
    quick_ones(server, job)  # and knows it, and the origins, from here on
    with psycopg.connect(postgres.url.replace("+psycopg", "", 1)) as admin:
        admin.execute("LOCK TABLE users, sessions, form_nonces IN ACCESS EXCLUSIVE MODE")
        with (
            meanwhile(lambda: get(server, "/login", cookies={"authserver_session": "x" * 43}), 24),
            meanwhile(lambda: get(server, "/v1/me", headers={"Authorization": f"Bearer {key}"}), 8),
        ):
            for _ in range(3):  # each thread of pages and of the API holds a connection now, and leaves enough of them
                quick_ones(server, job)
                began = time.monotonic()
                assert introspect(server, job, issued).json()["active"]
                assert time.monotonic() - began < SOON
            admin.rollback()  # those that wait are not waited for


@pytest.mark.long_fault
def test_exports_that_wait_hold_up_no_page(server: Served, postgres: OwnPostgres, job: tuple[str, str]) -> None:
    """Somebody holds the audit log, and administrators want it as a file: one waits, two may, others come again."""
    server.user("root@example.test", admin=True)
    cookies = server.browser("root@example.test").wire.cookies()
    quick_ones(server, job)
    with psycopg.connect(postgres.url.replace("+psycopg", "", 1)) as admin:
        admin.execute("LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE")
        with meanwhile(lambda: get(server, "/audit/export.csv", cookies=cookies), 12) as told:
            began, pages = time.monotonic(), list[float]()
            while time.monotonic() - began < 4:
                quick_ones(server, job)
                answer = get(server, "/login")
                assert answer.status_code == 200
                pages.append(answer.elapsed.total_seconds())
            admin.rollback()  # those that wait are not waited for
    busy = [answer for answer in told if answer.status_code == 503 and answer.seconds < SOON]
    assert busy and all(answer.retry_after for answer in busy)
    assert max(pages) < SOON * 2


@pytest.mark.long_fault
def test_a_flood_of_sign_ins_holds_up_no_token(server: Served, job: tuple[str, str]) -> None:
    """One account with its right password: each costs a hash, few at a time, and the others are told at once."""
    email = "alice@example.test"
    server.user(email)
    browser = server.browser()
    form = browser.open("/login").form("/login")
    sent = form.filled(email=email, password=PASSWORD)
    cookies = browser.wire.cookies()

    def sign_in() -> requests.Response:
        return requests.post(server.issuer + form.path, data=sent, cookies=cookies, allow_redirects=False, timeout=20)

    with meanwhile(sign_in, 24) as told:
        for _ in range(3):
            quick_ones(server, job)
            assert introspect(server, job, "x").json() == {"active": False}
    busy = [answer for answer in told if answer.status_code == 503]
    assert {answer.status_code for answer in told} <= {303, 429, 503}
    assert busy and all(answer.retry_after for answer in busy)
    assert [answer for answer in told if answer.status_code == 303]


def test_keys_that_do_not_come_hold_up_no_protocol(server: Served, silent: int, job: tuple[str, str]) -> None:
    """Whoever knows a client's id can name it in a JWT, and its `jwks_uri` may accept and say nothing."""
    mute = [
        server.machine(f"Mute {number}", "--jwks-uri", f"http://127.0.0.1:{silent}/{number}").client_id
        for number in range(6)
    ]
    turn = iter(range(10_000))

    def ask() -> requests.Response:
        claimed = own_jwts.own(mute[next(turn) % len(mute)], aud=f"{server.issuer}/v1")
        return introspect(server, job, claimed)

    with meanwhile(ask, 16) as told:
        began = time.monotonic()
        while time.monotonic() - began < 3:
            quick_ones(server, job)
            assert introspect(server, job, "x").json() == {"active": False}
    assert {answer.status_code for answer in told} <= {200, 503}


@pytest.mark.long_fault
def test_readiness_waits_for_no_database_however_many_ask(server: Served, postgres: OwnPostgres) -> None:
    assert json.loads(get(server, "/readyz").text)["status"] == "ok"
    with postgres.stopped(), meanwhile(lambda: get(server, "/readyz"), 24) as told:
        time.sleep(6)
    assert told and [answer for answer in told if answer.seconds > SOON] == []
    assert told[-1].status_code == 503
