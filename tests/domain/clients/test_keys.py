"""Keys that a client publishes at an address: fetched rarely, by one, and never in the way."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from authserver.domain.clients import keys as client_keys
from authserver.domain.ground import cache
from authserver.domain.tokens import server_jwts
from authserver.lib import clock
from tests.support import own_jwts, parallel, protocol
from tests.support.own_jwts import own, pair
from tests.support.protocol import App

URI = "https://job.example/jwks.json"


class Address:
    """What stands at the address, and how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.keys: list[dict[str, Any]] | None = [own_jwts.public(pair())]
        self.seconds = 0.0

    def ask(self, client: Any) -> list[dict[str, Any]] | None:
        self.asked.append(client.jwks_uri)
        time.sleep(self.seconds)
        return self.keys


@pytest.fixture(autouse=True)
def _assembled(app: object) -> None:
    """The app is built even where no test asks for it by name."""


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Address:
    made = Address()
    monkeypatch.setattr(client_keys, "_ask", made.ask)
    return made


@pytest.fixture
def job() -> App:
    return protocol.register(jwks_uri=URI, scopes=["workflows:read"])


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Any:
    start = clock.now()

    def move(seconds: int) -> None:
        monkeypatch.setattr(clock, "now", lambda: start + seconds)

    move(0)  # else a second may pass before the first move
    return move


def good(token: str) -> bool:
    return server_jwts.verify(token, "/v1") is not None


def forget_copies() -> None:
    """As another worker, which has fetched nothing yet."""
    client_keys._copies.clear()


def test_keys_are_fetched_once_and_kept(job: App, address: Address) -> None:
    assert all(good(own(job.id)) for _ in range(3))
    assert address.asked == [URI]


def test_another_worker_takes_what_was_fetched(job: App, address: Address) -> None:
    good(own(job.id))
    forget_copies()
    assert good(own(job.id))
    assert len(address.asked) == 1


def test_an_unknown_key_is_looked_for_once_a_minute(job: App, address: Address, later: Any) -> None:
    good(own(job.id))
    address.keys = [own_jwts.public(pair("ES256", 1))]
    new = pair("ES256", 1)
    assert not good(own(job.id, new))
    assert len(address.asked) == 1
    later(60)
    assert good(own(job.id, new))
    assert [good(own(job.id, pair("ES256", 2))) for _ in range(5)] == [False] * 5
    assert len(address.asked) == 2


def test_a_name_that_no_key_has_is_looked_for_before_a_key_without_name_stands_in(
    job: App, address: Address, later: Any
) -> None:
    address.keys = [own_jwts.public(pair(), kid=None)]
    named = own_jwts.signed(pair(), own_jwts.claims(job.id), kid="new")
    assert good(named) and len(address.asked) == 1
    address.keys = [own_jwts.public(pair(), kid=None), own_jwts.public(pair("ES256", 1), kid="new")]
    later(60)
    assert not good(own_jwts.signed(pair(), own_jwts.claims(job.id), kid="new"))
    assert good(own_jwts.signed(pair("ES256", 1), own_jwts.claims(job.id), kid="new"))
    assert len(address.asked) == 2


def test_a_new_key_is_taken_by_every_worker(job: App, address: Address, later: Any) -> None:
    good(own(job.id))
    old_copy = dict(client_keys._copies)
    address.keys = [own_jwts.public(pair("ES256", 1))]
    later(60)
    assert good(own(job.id, pair("ES256", 1)))
    client_keys._copies.update(old_copy)
    assert good(own(job.id, pair("ES256", 1)))
    assert len(address.asked) == 2


def test_fetched_keys_are_looked_at_again_after_ten_minutes(job: App, address: Address, later: Any) -> None:
    good(own(job.id))
    address.keys = []
    later(599)
    assert good(own(job.id))
    later(600)
    assert not good(own(job.id))


def test_an_address_that_is_silent_for_a_while_costs_nobody_their_access(
    job: App, address: Address, later: Any
) -> None:
    good(own(job.id))
    address.keys = None
    later(7200)
    assert good(own(job.id))
    later(86_401 + 7200)
    assert not good(own(job.id))


def test_an_address_that_never_answered_is_asked_once_a_minute(job: App, address: Address, later: Any) -> None:
    address.keys = None
    assert [good(own(job.id)) for _ in range(4)] == [False] * 4
    forget_copies()
    assert not good(own(job.id))
    assert len(address.asked) == 1
    address.keys = [own_jwts.public(pair())]
    later(60)
    assert good(own(job.id))


def test_many_at_once_ask_once(job: App, address: Address) -> None:
    address.seconds = 0.3
    assert parallel.together(12, lambda _: good(own(job.id))) == [True] * 12
    assert len(address.asked) == 1


def test_a_new_address_is_asked_at_once(job: App, address: Address) -> None:
    good(own(job.id))
    address.keys = [own_jwts.public(pair("ES256", 1))]
    protocol.change(job, jwks_uri="https://job.example/other.json")
    cache.forget()
    assert good(own(job.id, pair("ES256", 1)))
    assert not good(own(job.id))
    assert len(address.asked) == 2


def test_whose_client_is_unknown_makes_nobody_ask(address: Address) -> None:
    good(own("nobody"))
    assert not address.asked


@pytest.mark.parametrize(
    ("body", "usable"),
    [
        (json.dumps({"keys": [own_jwts.public(pair())]}), 1),
        (json.dumps({"keys": [own_jwts.public(pair()), {"kty": "oct", "k": "c2VjcmV0"}, 7, {"kty": "new"}]}), 1),
        (json.dumps({"keys": [pair().as_dict(private=True)]}), 0),
        (json.dumps({"keys": [own_jwts.public(pair())] * 50}), client_keys.MAX_KEYS),
        (json.dumps({"keys": []}), 0),
        (json.dumps({"keys": "none"}), None),
        (json.dumps([]), None),
        ("<html>", None),
        ("[" * 100_000, None),
    ],
)
def test_of_a_key_set_only_usable_public_keys_are_kept(body: str, usable: int | None) -> None:
    found = client_keys._usable_keys(body.encode())
    assert (None if found is None else len(found)) == usable


# ---- over HTTP, through the guard for requests of ours ------------------------------------------------------


@pytest.fixture
def published() -> Iterator[str]:
    """A key set on a real port of this machine, which the guard lets nobody reach unless the operator says so."""

    class Shown(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(own_jwts.key_set(pair())).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Shown)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/jwks.json"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("overrides", "fetched"), [({"outbound_allow": ("127.0.0.1",)}, True), ({}, False)], ids=["allowed", "guarded"]
)
def test_the_address_is_asked_through_the_guard(published: str, fetched: bool) -> None:
    job = protocol.register(jwks_uri=published, scopes=["workflows:read"])
    assert good(own(job.id)) is fetched


@pytest.mark.parametrize("overrides", [{"outbound_allow": ("127.0.0.1",)}])
def test_an_address_where_nobody_listens_is_no_error() -> None:
    job = protocol.register(jwks_uri="http://127.0.0.1:9/jwks.json", scopes=["workflows:read"])
    assert not good(own(job.id))
