"""Real workers, killed at the worst moment: everything arrives, under the same id, and nothing is lost (I7)."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests
from aiosmtpd.controller import Controller

from authserver.config import Settings
from authserver.domain.webhooks import deliveries as webhook_deliveries
from authserver.domain.webhooks import endpoints as webhook_endpoints
from tests.conftest import KINDS, Person
from tests.support import databases, long_sets, receivers, served
from tests.support.receivers import Receiver
from tests.support.webhooks import endpoint, happen

pytestmark = pytest.mark.served
COMMAND = Path(sys.executable).parent / "authserver"
KILLS = int(os.environ.get("WEBHOOK_KILLS", "4"))


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"outbound_allow": ("127.0.0.1",)}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receivers.listening() as made:
        yield made


@pytest.fixture
def start(settings: Settings, tmp_path: Path, app: object) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts workers on the database of this test; those that still run are stopped at the end."""
    environment = {
        "PATH": os.environ["PATH"],
        "AUTHSERVER_DATABASE_URL": settings.database_url,
        "AUTHSERVER_SECRET_KEY": databases.SECRET_KEY,
        "AUTHSERVER_ISSUER": settings.issuer,
        "AUTHSERVER_DATA_DIR": settings.data_dir,
        "AUTHSERVER_OUTBOUND_ALLOW": "127.0.0.1",
        "AUTHSERVER_RATE_LIMIT_WEBHOOK": "100000/minute",
        "AUTHSERVER_METRICS_BIND": "off",
    }
    running: list[subprocess.Popen[bytes]] = []

    def make(**more: str) -> subprocess.Popen[bytes]:
        log = (tmp_path / "worker.log").open("ab")
        made = subprocess.Popen([str(COMMAND), "worker"], env=environment | more, cwd=tmp_path, stdout=log, stderr=log)
        running.append(made)
        return made

    yield make
    for each in running:
        if each.poll() is None:
            each.terminate()
            each.wait(30)


def until(condition: Callable[[], bool], seconds: float = 120) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def ids(receiver: Receiver) -> list[str]:
    return [json.loads(got.body)["id"] for got in receiver.got]


def counts(hook_id: str) -> dict[str, int]:
    return webhook_deliveries.count_by_state(hook_id)


@pytest.mark.fault
def test_a_worker_killed_between_sending_and_recording_sends_the_same_event_again(
    start: Any, alice: Person, receiver: Receiver
) -> None:
    victim = start()

    def kill(_handler: BaseHTTPRequestHandler) -> None:
        victim.kill()
        victim.wait()

    receiver.act = kill
    hook = endpoint(alice, receiver.url())
    happen(alice)
    assert until(lambda: len(receiver.got) == 1)
    assert until(lambda: victim.poll() is not None)
    assert counts(hook.id) == {"pending": 1}
    receiver.act = None
    start()
    assert until(lambda: counts(hook.id) == {"delivered": 1})
    first, second = ids(receiver)
    assert first == second
    assert [json.loads(got.body)["metadata"]["retry_count"] for got in receiver.got] == [0, 1]


@pytest.mark.parametrize("emptied_database", long_sets.others_later(KINDS, now="sqlite"), indirect=True)
def test_a_workers_own_counters_answer_one_port_above_the_servers(
    start: Any, alice: Person, receiver: Receiver, tmp_path: Path
) -> None:
    servers = served.free_port() - 1
    bind = {"AUTHSERVER_METRICS_BIND": f"127.0.0.1:{servers}"}
    start(**bind)
    hook = endpoint(alice, receiver.url())
    happen(alice)
    assert until(lambda: counts(hook.id) == {"delivered": 1})
    text = ""

    def told() -> bool:
        nonlocal text
        with contextlib.suppress(requests.ConnectionError):
            text = requests.get(f"http://127.0.0.1:{servers + 1}/metrics", timeout=5).text
        return 'authserver_webhook_deliveries_total{result="delivered"} 1.0' in text

    assert until(told)
    assert "authserver_build_info{" in text
    with pytest.raises(requests.ConnectionError):  # the server's own port stays the server's
        requests.get(f"http://127.0.0.1:{servers}/metrics", timeout=5)
    second = start(**bind)
    assert until(lambda: "metrics_not_served" in (tmp_path / "worker.log").read_text())
    [line] = [each for each in (tmp_path / "worker.log").read_text().splitlines() if "metrics_not_served" in each]
    assert f"127.0.0.1:{servers + 1}" in line
    assert second.poll() is None


@pytest.mark.parametrize("emptied_database", long_sets.others_later(KINDS, now="sqlite"), indirect=True)
def test_the_owner_of_a_webhook_that_ends_gets_a_mail_from_the_same_worker(
    start: Any, alice: Person, receiver: Receiver
) -> None:
    taken: list[tuple[list[str], bytes]] = []

    class Handler:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
            taken.append((envelope.rcpt_tos, envelope.content))
            return "250 OK"

    post = Controller(Handler(), hostname="127.0.0.1", port=served.free_port())
    post.start()
    try:
        start(AUTHSERVER_SMTP_URL=f"smtp://127.0.0.1:{post.port}", AUTHSERVER_MAIL_FROM="Kaie <no-reply@kaie.test>")
        receiver.status = 410
        hook = endpoint(alice, receiver.url())
        happen(alice)
        assert until(lambda: len(taken) == 1)
        [(recipients, mail)] = taken
        assert recipients == [alice.email]
        assert b"was switched off" in mail
        assert f"/webhooks/{hook.id}".encode() in mail
    finally:
        post.stop()
    assert webhook_endpoints.status(webhook_endpoints.get(alice.id, hook.id)) == "disabled"


@pytest.mark.long_fault
@pytest.mark.fault
def test_nothing_is_lost_however_often_workers_are_killed(start: Any, alice: Person, receiver: Receiver) -> None:
    hooks = [endpoint(alice, receiver.url(f"/{number}")) for number in range(3)]
    stop, written = threading.Event(), Counter[str]()

    def write() -> None:
        while not stop.wait(0.02 if KILLS < 10 else 0.3):
            happen(alice)
            written["events"] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(KILLS):
            before, victim = len(receiver.got), start()
            assert until(lambda before=before: len(receiver.got) > before + 3)  # type: ignore[misc]
            victim.kill()
            victim.wait()
    finally:
        stop.set()
        writer.join()
    start()
    everything = {"delivered": written["events"]}
    assert until(lambda: all(counts(hook.id) == everything for hook in hooks), 60 + written["events"] / 4), [
        counts(hook.id) for hook in hooks
    ]
    arrived = {path: {json.loads(got.body)["id"] for got in receiver.got if got.path == path} for path in ("/0", "/1")}
    assert {len(each) for each in arrived.values()} == {written["events"]}
    assert len(receiver.got) - 3 * written["events"] <= 3 * KILLS  # one at most for each endpoint and kill


def test_two_workers_send_nothing_twice(start: Any, alice: Person, receiver: Receiver) -> None:
    hooks = [endpoint(alice, receiver.url(f"/{number}")) for number in range(4)]
    workers = [start(), start()]
    for _ in range(25):
        happen(alice)
    assert until(lambda: all(counts(hook.id) == {"delivered": 25} for hook in hooks))
    assert len(receiver.got) == 100
    assert set(Counter(ids(receiver)).values()) == {4}
    assert all(each.poll() is None for each in workers)


def test_a_worker_that_is_told_to_stop_finishes_and_gives_its_leases_back(
    start: Any, alice: Person, receiver: Receiver
) -> None:
    def slowly(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.5)
        handler.send_response(204)
        handler.end_headers()

    receiver.act = slowly
    hook = endpoint(alice, receiver.url())
    worker = start()
    for _ in range(5):
        happen(alice)
    assert until(lambda: len(receiver.got) >= 1)
    worker.terminate()
    assert worker.wait(20) == 0
    assert webhook_endpoints.get(alice.id, hook.id).leased_until == 0
    found = counts(hook.id)
    assert found.get("delivered", 0) == len(receiver.got)


def test_a_second_signal_ends_it_at_once_and_another_sends_again_what_was_in_hand(
    start: Any, alice: Person, receiver: Receiver
) -> None:
    receiver.act = lambda _handler: time.sleep(8)
    hook = endpoint(alice, receiver.url())
    worker = start()
    happen(alice)
    assert until(lambda: len(receiver.got) == 1)
    worker.terminate()
    time.sleep(0.5)
    assert worker.poll() is None
    worker.terminate()
    assert worker.wait(3) == 1
    assert counts(hook.id) == {"pending": 1}
