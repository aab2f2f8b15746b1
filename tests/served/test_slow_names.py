"""A resolver that does not answer holds up nobody but whoever needs that name (security.md 15.4.4, E5)."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import pytest
import requests

from tests.served.test_isolation import SOON, Told, get, introspect, meanwhile, quick_ones
from tests.support import own_jwts, served, slow_names
from tests.support.served import Served
from tests.support.slow_names import SLOW, Names
from tests.support.third_party import App

pytestmark = [pytest.mark.served, pytest.mark.long_fault, pytest.mark.usefixtures("socket_enabled")]
OWNER, ADMIN = "alice@example.test", "ada@example.test"


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Names]:
    with slow_names.serving(tmp_path_factory.mktemp("names")) as serving:
        yield serving


@pytest.fixture(scope="module")
def server(names: Names) -> Iterator[Served]:
    allowed = {"outbound_allow": "127.0.0.0/8", "rate_limit_api_key": "1000000/hour"}
    with served.running("sqlite", workers=1, under=names.under, **allowed) as running:
        yield running


@pytest.fixture(scope="module")
def key(server: Served) -> str:
    """An administrator's: whose changes nobody counts."""
    server.user(OWNER)
    server.user(ADMIN, admin=True)
    return str(server.cli("key", "create", "--owner", ADMIN, "--name", "CI", "--permission", "full_access")["key"])


@pytest.fixture(scope="module")
def job(server: Served) -> tuple[str, str]:
    made: App = server.machine()
    return made.client_id, made.client_secret


def test_an_address_that_no_resolver_answers_for_holds_up_nobody_else(
    server: Served, names: Names, key: str, job: tuple[str, str]
) -> None:
    """Of webhooks that the API and pages change, and of a `jwks_uri`, which anybody can name who knows a client."""
    turn = itertools.count()
    sent = {"Authorization": f"Bearer {key}"}
    wish = {"name": "CI", "url": "https://quick.example/"}
    made = requests.post(server.issuer + "/v1/webhooks", headers=sent, json=wish, timeout=20)
    assert made.status_code == 201, made.text
    hook = made.json()["data"]["id"]
    mute = [server.machine(f"Mute {n}", "--jwks-uri", f"https://k{n}.{SLOW}/").client_id for n in range(12)]

    def move() -> requests.Response:
        to = {"url": f"https://h{next(turn)}.{SLOW}/"}
        return requests.patch(f"{server.issuer}/v1/webhooks/{hook}", headers=sent, json=to, timeout=20)

    def present() -> requests.Response:
        claimed = own_jwts.own(mute[next(turn) % len(mute)], aud=f"{server.issuer}/v1")
        return introspect(server, job, claimed)

    time.sleep(1.5)
    quick_ones(server, job)
    for _ in range(3):  # the best of three looks: who waits for names does it each time, who waits for a core does not
        with meanwhile(move, 8) as moved, meanwhile(present, 16) as presented:
            began, pages, calls = time.monotonic(), list[Told](), list[Told]()
            while time.monotonic() - began < 6:
                quick_ones(server, job)
                assert introspect(server, job, "x").json() == {"active": False}
                for told, answer in ((pages, get(server, "/login")), (calls, get(server, "/v1/me", headers=sent))):
                    told.append(Told(answer.status_code, answer.elapsed.total_seconds(), ""))
        assert {answer.status_code for answer in pages + calls} == {200}
        slow_pages, slow_calls = (sum(answer.seconds > SOON for answer in told) for told in (pages, calls))
        if not slow_pages and slow_calls <= 2:
            break
    # Two lookups may be waited for by requests, for two seconds each; then all of the API's threads are free again.
    assert slow_pages == 0 and slow_calls <= 2
    assert {answer.status_code for answer in moved} == {200}
    assert {answer.status_code for answer in presented} <= {200, 503}
    assert any(name.endswith(SLOW) for name in names.asked)  # the counterpart was there, and slow


def test_pages_wait_for_two_lookups_and_go_on_without_the_third(server: Served) -> None:
    """Nothing is lost: each delivery looks again."""
    browser = server.browser(OWNER)
    began = time.monotonic()
    for number in range(5):
        browser.fill("/webhooks/new", name=f"Slow {number}", url=f"https://p{number}.{SLOW}/hooks")
    assert time.monotonic() - began < 5 * 2
