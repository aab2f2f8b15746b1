"""Two nodes behind nginx: what one of them was told holds at the other, and what counts once counts once over both."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from joserfc import jws, jwt
from joserfc.jwk import KeySet

from authserver.lib import clock
from tests.faults import next_version
from tests.faults import nodes as scaled
from tests.faults.nodes import SOON, Nodes
from tests.faults.test_background import Slow, listening, waiting, write_mails
from tests.faults.watching import until
from tests.support import fault_table, own_jwts, parallel

pytestmark = [pytest.mark.long_fault, pytest.mark.served, pytest.mark.usefixtures("socket_enabled")]
ALICE = "alice@example.test"
AT_ONCE = 40


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with scaled.running(tmp_path_factory.mktemp("nodes")) as running:
        yield running


@pytest.fixture(autouse=True)
def database() -> None:
    """The module's nodes were started before a test's own row began."""
    fault_table.on("postgresql")


def test_a_session_of_one_node_is_one_of_the_other(nodes: Nodes) -> None:
    before = nodes.logged()
    browser = nodes.front.browser(ALICE)
    assert [browser.get("/settings/security").status for _ in range(8)] == [200] * 8
    assert nodes.seen_by_both("/settings/security", before)
    assert browser.follow(browser.submit(browser.open("/settings/security").form("/logout"))).status == 200
    assert {browser.get("/settings/security").status for _ in range(8)} == {303}


def test_a_thousand_an_hour_are_a_thousand_over_both(nodes: Nodes) -> None:
    """The limit of a client that was given none of its own."""
    caller = nodes.front.machine("Gateway", "--introspect-all")
    token = nodes.front.machine("Busy").client_credentials().json["access_token"]
    before = nodes.logged()
    one = parallel.request(f"{caller.issuer}/oauth/introspect", {"token": token, "rate_limit": "consume"}, caller.basic)
    states = [answer.json["rate_limit"] for _ in range(11) for answer in parallel.volley(caller.issuer, [one] * 100)]
    assert sorted(state["remaining"] for state in states if state["allowed"]) == list(range(1000))
    assert Counter(state["allowed"] for state in states) == {True: 1000, False: 100}
    assert nodes.seen_by_both("/oauth/introspect", before)


def test_a_jti_counts_once_over_both(nodes: Nodes, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(own_jwts.key_set(own_jwts.pair())))
    words = ("--auth-method", "private_key_jwt", "--jwks", str(keys))
    app = nodes.front.machine("Keyed", *words)
    said = own_jwts.assertion(app.client_id, aud=app.issuer)
    fields = {"grant_type": "client_credentials", "client_id": app.client_id, **said}
    before = nodes.logged()
    answers = parallel.volley(app.issuer, [parallel.request(f"{app.issuer}/oauth/token", fields, {})] * AT_ONCE)
    assert Counter(each.error for each in answers) == {(200, ""): 1, (400, "invalid_client"): AT_ONCE - 1}
    assert nodes.seen_by_both("/oauth/token", before)


def test_a_code_counts_once_over_both(nodes: Nodes) -> None:
    app = nodes.front.app("Racer", "--skip-consent")
    code, asked = app.code(nodes.front.browser(ALICE))
    fields = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": app.redirect_uri,
        "code_verifier": asked.verifier,
    }  # fmt: skip
    before = nodes.logged()
    one = parallel.request(f"{app.issuer}/oauth/token", fields, app.basic)
    answers = parallel.volley(app.issuer, [one] * AT_ONCE)
    assert Counter(each.error for each in answers) == {(200, ""): 1, (400, "invalid_grant"): AT_ONCE - 1}
    assert nodes.seen_by_both("/oauth/token", before)


def test_a_refresh_token_has_one_successor_over_both(nodes: Nodes) -> None:
    app = nodes.front.app("Refresher", "--skip-consent")
    token = app.tokens(nodes.front.browser(ALICE))["refresh_token"]
    fields = {"grant_type": "refresh_token", "refresh_token": token}
    before = nodes.logged()
    one = parallel.request(f"{app.issuer}/oauth/token", fields, app.basic)
    answers = parallel.volley(app.issuer, [one] * AT_ONCE)
    assert Counter(each.status for each in answers) == {200: AT_ONCE}
    assert len({each.json["refresh_token"] for each in answers}) == 1
    assert nodes.seen_by_both("/oauth/token", before)


@pytest.mark.parametrize("number", [0, 1])
def test_what_one_node_ends_is_over_at_the_other_within_the_second(nodes: Nodes, number: int) -> None:
    """A token that both have verified, and a machine that is stopped or may do less."""
    app = nodes.front.machine(f"Ended {number}", "--introspect-all")
    here, there = nodes.at(number, app), nodes.at(1 - number, app)
    token = str(app.client_credentials().json["access_token"])
    assert here.is_active(token) and there.is_active(token)
    assert here.revoke(token).status == 200
    time.sleep(SOON)
    assert not there.is_active(token) and not here.is_active(token)

    nodes.front.cli("client", "update", app.client_id, "--scope", "workflows:read")
    time.sleep(SOON)
    for each in (here, there):
        assert each.client_credentials(scope="workflows:write").error == (400, "invalid_scope")
        assert each.client_credentials().json["scope"] == "workflows:read"
    nodes.front.cli("client", "disable", app.client_id)
    time.sleep(SOON)
    for each in (here, there):
        assert each.client_credentials().error == (401, "invalid_client")


class Verifier:
    """An API that checks JWTs with keys that it fetched a while ago, and fetches none because of a token."""

    EVERY = 2.0

    def __init__(self, issuer: str) -> None:
        self._address, self._at, self._keys = f"{issuer}/.well-known/jwks.json", float("-inf"), KeySet([])

    def verify(self, token: str) -> None:
        if time.monotonic() - self._at > self.EVERY:
            self._keys = KeySet.import_key_set(requests.get(self._address, timeout=10).json())
            self._at = time.monotonic()
        jwt.decode(token, self._keys, algorithms=["ES256"])


def test_keys_that_are_rotated_under_load_fail_no_verification(nodes: Nodes) -> None:
    """They take over in seconds instead of minutes; who keeps a key set for less than that has the new key in time."""
    app = nodes.front.machine("Signed", "--introspect-all")
    wrong: list[str] = []
    tokens: list[str] = []
    over = threading.Event()

    def go_on(_number: int) -> None:
        own, verifier = nodes.app(app), Verifier(app.issuer)
        while not over.is_set():
            try:
                token = str(own.client_credentials().json["access_token"])
                verifier.verify(token)
                assert own.is_active(token)
                tokens.append(token)
            except Exception as error:
                wrong.append(f"{type(error).__name__}: {error}")

    with ThreadPoolExecutor(4) as threads:
        running = [threads.submit(go_on, number) for number in range(4)]
        for _ in range(2):
            nodes.front.cli("jwks", "rotate", "--alg", "ES256")
            nodes.execute(f"UPDATE signing_keys SET active_at = {clock.now() + 6} WHERE active_at > {clock.now()}")
            nodes.execute("UPDATE cache_versions SET version = version + 1 WHERE name = 'signing_keys'")
            time.sleep(9)
        over.set()
        for each in running:
            each.result(30)
    assert wrong == []
    assert len({jws.extract_compact(token.encode()).headers()["kid"] for token in tokens}) == 3
    verifier = Verifier(app.issuer)
    for token in tokens[:: len(tokens) // 20 or 1]:
        verifier.verify(token)


def test_a_step_that_adds_is_migrated_while_both_serve(nodes: Nodes, tmp_path: Path) -> None:
    """By the next version, as its owner: the nodes of this one stay ready, and one that starts again, too."""
    app = nodes.front.machine("Going on", "--introspect-all", "--access-token-format", "opaque")
    seen: list[int] = []
    over = threading.Event()

    def go_on() -> None:
        own = nodes.app(app)
        while not over.is_set():
            seen.append(own.client_credentials().status)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        coming = next_version.make(tmp_path)
        owner = {"AUTHSERVER_MIGRATE_DATABASE_URL": nodes.replicas.url("authserver_owner")}
        planned = coming.run(nodes.front.environment | owner, "migrate", "--plan", "--json")
        assert '"running_go_on": true' in planned
        coming.run(nodes.front.environment | owner, "migrate")
        time.sleep(3)
        ready = [requests.get(f"{node.issuer}/readyz", timeout=10).status_code for node in nodes.each]
        nodes.each[1].process.terminate()
        nodes.each[1].process.wait(60)
        nodes.start_again(1)
        time.sleep(1)
    finally:
        over.set()
        thread.join(60)
    assert ready == [200, 200]
    assert nodes.execute("SELECT version_num FROM alembic_version") == next_version.REVISION
    assert set(seen) == {200}


def test_work_of_a_worker_that_is_killed_is_done_once_by_the_other(nodes: Nodes, tmp_path: Path) -> None:
    slow = Slow(before=8)
    with listening(slow) as port:
        told = {"smtp_url": f"smtp://127.0.0.1:{port}", "mail_from": "Kaie <a@b.example.test>"}
        people = write_mails(nodes.front, 4)
        first = nodes.start_worker(tmp_path / "first", **told)
        until(lambda: slow.asked == 4, seconds=20)
        first.kill()
        first.wait(10)
        slow.before = 0
        nodes.start_worker(tmp_path / "second", **told)
        nodes.start_worker(tmp_path / "third", **told)
        until(lambda: waiting(nodes.front) == 0, seconds=90)
    assert slow.taken == dict.fromkeys(people, 1)


def test_a_chore_that_two_workers_find_due_is_done_once(nodes: Nodes, tmp_path: Path) -> None:
    def keys() -> int:
        return int(nodes.execute("SELECT count(*) FROM signing_keys"))

    nodes.execute("UPDATE signing_keys SET active_at = active_at - 100 * 86400, created_at = created_at - 100 * 86400")
    before = keys()
    with ThreadPoolExecutor(2) as both:
        list(both.map(lambda name: nodes.start_worker(tmp_path / name), ("one", "other")))
    until(lambda: keys() > before, seconds=30)
    time.sleep(5)
    assert keys() == before + 2, "one for each algorithm"
