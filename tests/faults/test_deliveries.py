"""Webhooks and sign-outs while workers are killed, frozen, and two: nothing is lost, and each counts once (I7).

The receiver does as the contract asks: it counts an event by its `webhook-id`, and a sign-out by its `sid`. What takes
little time is in tests/served/test_webhook_worker.py and tests/domain/webhooks/test_leases.py.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from sqlalchemy import func, select

from authserver import database
from authserver.config import Settings
from authserver.domain.grants import logout_notices
from authserver.domain.webhooks import leases as webhook_leases
from authserver.lib import base64url, clock, secrets, strict_json
from authserver.models import LogoutNotice, WebhookDelivery, WebhookEvent
from tests.conftest import Person
from tests.faults.watching import until
from tests.support import fault_table, protocol, receivers, served
from tests.support.receivers import Got, Receiver
from tests.support.webhooks import endpoint, happen

pytestmark = [pytest.mark.fault, pytest.mark.served, pytest.mark.usefixtures("socket_enabled")]
BEYOND_LEASE = webhook_leases.LEASE_SECONDS + 15


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"outbound_allow": ("127.0.0.1",)}


class Ledger:
    """What a receiver was sent, by what it counts it by, and how long it takes to answer."""

    def __init__(self, receiver: Receiver) -> None:
        self.sent: Counter[str] = Counter()
        self.seconds = 0.0
        self.open = threading.Event()  # while it is not set, nobody is answered
        self.open.set()
        self._lock = threading.Lock()
        receiver.act = self._answer

    def _answer(self, asked: BaseHTTPRequestHandler) -> None:
        got: Got = asked.got  # type: ignore[attr-defined]  # the receiver's own
        with self._lock:
            self.sent[got.headers.get("webhook-id") or _sid(got.body)] += 1
        self.open.wait(60)
        time.sleep(self.seconds)
        with contextlib.suppress(OSError):  # who asked may be dead
            asked.send_response(200)
            asked.send_header("Content-Length", "0")
            asked.end_headers()


def _sid(body: bytes) -> str:
    payload = parse_qs(body.decode())["logout_token"][0].split(".")[1]
    return str(strict_json.loads(base64url.decode(payload.encode()))["sid"])


@pytest.fixture
def ledger(receiver: Receiver) -> Ledger:
    return Ledger(receiver)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receivers.listening() as listening:
        yield listening


@contextlib.contextmanager
def workers(settings: Settings, folder: Path, count: int = 1) -> Iterator[Sequence[subprocess.Popen[bytes]]]:
    """So many of `authserver worker` on the test's database."""
    environment = served.environment(settings.database_url, folder, served.free_port(), outbound_allow="127.0.0.1")
    with (folder / "worker.log").open("ab") as log, contextlib.ExitStack() as running:
        started = [
            subprocess.Popen(
                [str(served.COMMAND), "worker"], env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log,
            )
            for _ in range(count)
        ]  # fmt: skip
        for each in started:
            running.callback(end, each)
        yield started


def end(worker: subprocess.Popen[bytes]) -> None:
    """At once, as by the kernel."""
    worker.kill()
    worker.wait(10)


def written(hooks: int, alice: Person, receiver: Receiver, events: int) -> set[str]:
    """Endpoints and events; the ids of what each endpoint is promised, as the receiver counts them."""
    for number in range(hooks):
        endpoint(alice, receiver.url(f"/{number}"))
    for _ in range(events):
        happen(alice)
    fault_table.promised(f"{hooks * events} events")
    with database.reading() as session:
        return set(session.scalars(select(WebhookEvent.id)))


def signed_out(alice: Person, receiver: Receiver, count: int) -> set[str]:
    """Sign-outs that an app is to be told; by what it counts them."""
    app = protocol.register(backchannel_logout_uri=receiver.url("/logout"))
    sids = {secrets.random_id("ses") for _ in range(count)}
    fault_table.promised(f"{count} sign-outs", more=True)
    row = {"client_id": app.id, "user_id": alice.id, "channel": "back", "state": logout_notices.PENDING, "attempts": 0}
    with database.transaction() as session:
        for sid in sids:
            now = clock.now()
            session.add(
                LogoutNotice(id=secrets.random_id("lgn"), session_id=sid, created_at=now, next_at=now, error="", **row)
            )
    return sids


def waiting() -> int:
    """What is not delivered yet, of either kind."""
    with database.reading() as session:
        events = select(func.count()).select_from(WebhookDelivery).where(WebhookDelivery.state != "delivered")
        notices = select(func.count()).select_from(LogoutNotice).where(LogoutNotice.state != logout_notices.DELIVERED)
        return int(session.scalar(events) or 0) + int(session.scalar(notices) or 0)


def all_delivered() -> bool:
    return waiting() == 0


@pytest.mark.long_fault
def test_two_workers_at_once_send_each_thing_once(
    settings: Settings, tmp_path: Path, alice: Person, receiver: Receiver, ledger: Ledger
) -> None:
    ledger.seconds = 0.2
    promised = written(1, alice, receiver, 20)
    sids = signed_out(alice, receiver, 20)
    with workers(settings, tmp_path, 2):
        until(all_delivered, seconds=30)
    assert ledger.sent == dict.fromkeys(promised | sids, 1)


@pytest.mark.long_fault
def test_workers_that_are_killed_at_any_moment_lose_nothing(
    settings: Settings, tmp_path: Path, alice: Person, receiver: Receiver, ledger: Ledger
) -> None:
    """Between claim and request, in it, between answer and note: wherever they happen to be."""
    ledger.seconds = 0.03
    promised = written(1, alice, receiver, 60) | signed_out(alice, receiver, 60)
    kills = 8
    for _ in range(kills):
        before = ledger.sent.total()
        with workers(settings, tmp_path):
            until(lambda before=before: ledger.sent.total() > before or all_delivered(), seconds=60)  # type: ignore[misc]
            time.sleep(random.uniform(0, 0.1))  # any moment
    with workers(settings, tmp_path, 2):
        until(all_delivered, seconds=120)
    assert set(ledger.sent) == promised
    # A worker has one event of an endpoint in hand, and two sign-outs of an owner's apps.
    assert ledger.sent.total() <= len(promised) + 3 * kills


@pytest.mark.long_fault
def test_a_sign_out_whose_worker_was_killed_before_the_answer_is_told_by_the_next(
    settings: Settings, tmp_path: Path, alice: Person, receiver: Receiver, ledger: Ledger
) -> None:
    ledger.open.clear()
    sids = signed_out(alice, receiver, 1)
    with workers(settings, tmp_path) as (first,):
        until(lambda: ledger.sent.total() == 1)
        end(first)
    ledger.open.set()
    with workers(settings, tmp_path, 2):
        until(all_delivered, seconds=BEYOND_LEASE)
        time.sleep(8)  # the next attempt of one that was taken for lost
    assert ledger.sent == dict.fromkeys(sids, 2)


@pytest.mark.long_fault
def test_a_worker_that_was_frozen_past_its_lease_undoes_nothing_that_another_did(
    settings: Settings, tmp_path: Path, alice: Person, receiver: Receiver, ledger: Ledger
) -> None:
    ledger.open.clear()
    promised = written(1, alice, receiver, 1) | signed_out(alice, receiver, 1)
    with workers(settings, tmp_path) as (first,):
        until(lambda: ledger.sent.total() == 2)
        os.kill(first.pid, signal.SIGSTOP)
        ledger.open.set()
        with workers(settings, tmp_path):
            until(all_delivered, seconds=BEYOND_LEASE)
            os.kill(first.pid, signal.SIGCONT)
            time.sleep(10)  # it sees its requests fail, and the first pause after a failure passes
            assert all_delivered()
    assert ledger.sent == dict.fromkeys(promised, 2)
