"""Guessing a client's secret is slowed down for its network, and for nobody else."""

from __future__ import annotations

import pytest

from authserver.domain.clients import throttle as client_throttle
from authserver.lib import clock
from tests.support import protocol
from tests.support.protocol import App, client_credentials

LIMIT = 100


@pytest.fixture(autouse=True)
def _assembled(app: object) -> None:
    """The app is built even where no test asks for it by name."""


@pytest.fixture
def web_app() -> App:
    return protocol.register()


def guess(client_id: str, times: int) -> list[tuple[int, str]]:
    wrong = App(client_id, "kaie_cs_wrong")
    return [client_credentials(wrong).error for _ in range(times)]


@pytest.mark.parametrize("known", [True, False])
def test_after_a_hundred_failures_in_a_minute_a_client_waits(web_app: App, known: bool) -> None:
    client_id = web_app.id if known else "nobody"
    assert set(guess(client_id, LIMIT)) == {(401, "invalid_client")}
    reply = client_credentials(App(client_id, "kaie_cs_wrong"))
    assert reply.error == (429, "slow_down")
    assert 0 < int(reply.header("Retry-After") or 0) <= 60


def test_the_client_itself_is_not_locked_out_by_those_who_fail(web_app: App) -> None:
    guess(web_app.id, LIMIT + 1)
    assert client_credentials(web_app).status == 200


def test_other_clients_and_other_networks_do_not_wait(web_app: App) -> None:
    guess(web_app.id, LIMIT)
    assert client_credentials(protocol.register()).status == 200
    client_throttle.check(web_app.id, "198.51.100.9")


def test_the_wait_ends(web_app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = App(web_app.id, "kaie_cs_wrong")
    guess(web_app.id, LIMIT)
    assert client_credentials(wrong).status == 429
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + 61)
    monkeypatch.setattr(clock, "now_us", lambda: (now + 61) * 1_000_000)
    assert client_credentials(wrong).error == (401, "invalid_client")


def test_wrong_codes_are_no_failed_authentication(web_app: App) -> None:
    replies = {protocol.exchange(web_app, "kaie_ac_" + "x" * 36).error for _ in range(LIMIT + 5)}
    assert replies == {(400, "invalid_grant")}
    assert client_credentials(web_app).status == 200
