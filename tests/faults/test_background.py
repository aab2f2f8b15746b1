"""Mails and events while servers are slow, workers are killed and their clocks stand: each goes out once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import create_engine, text

from tests.faults.watching import until
from tests.support import fault_table, served
from tests.support.served import KINDS, Served

pytestmark = [pytest.mark.fault, pytest.mark.served, pytest.mark.usefixtures("socket_enabled")]
WRITE = text(
    "INSERT INTO mails (id, recipient, subject, body, created_at, next_attempt_at, attempts, error)"
    " VALUES (:id, :to, 'Hello', 'text', :now, :now, 0, '')"
)


class Slow:
    """A mail server that takes its time: `before` it hears of a recipient, `after` it has the text."""

    def __init__(self, *, before: float = 0, after: float = 0) -> None:
        self.before, self.after = before, after
        self.asked = 0
        self.taken: Counter[str] = Counter()

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.asked += 1
        await asyncio.sleep(self.before)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        self.taken.update(envelope.rcpt_tos)
        await asyncio.sleep(self.after)
        return "250 OK"


@contextlib.contextmanager
def listening(handler: Slow) -> Iterator[int]:
    port = served.free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@contextlib.contextmanager
def workers(server: Served, smtp: int, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """So many of `authserver worker` on the server's database."""
    more = {"AUTHSERVER_SMTP_URL": f"smtp://127.0.0.1:{smtp}", "AUTHSERVER_MAIL_FROM": "Kaie <a@b.example.test>"}
    running: list[subprocess.Popen[bytes]] = []
    with (server.folder / "worker.log").open("ab") as log:
        try:
            for _ in range(count):
                running.append(
                    subprocess.Popen(
                        [str(served.COMMAND), "worker"],
                        env=server.environment | more,
                        cwd=server.folder,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                    )
                )
            yield running
        finally:
            for each in running:
                each.kill()
                each.wait(10)


def write_mails(server: Served, count: int) -> set[str]:
    url = server.environment["AUTHSERVER_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url)
    rows = [{"id": f"mail{n}", "to": f"p{n}@example.test", "now": int(time.time())} for n in range(count)]
    with engine.begin() as connection:
        connection.execute(WRITE, rows)
    engine.dispose()
    fault_table.promised(f"{count} mails")
    return {row["to"] for row in rows}  # type: ignore[misc]


def waiting(server: Served) -> int:
    url = server.environment["AUTHSERVER_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url)
    with engine.connect() as connection:
        left = connection.scalar(text("SELECT count(*) FROM mails WHERE sent_at IS NULL"))
    engine.dispose()
    return int(left or 0)


@pytest.mark.long_fault
@pytest.mark.parametrize("kind", KINDS)
def test_a_mail_server_that_takes_its_time_gets_each_mail_once(kind: str) -> None:
    """Longer than everything else is waited for; the next attempt of what timed out would come half a minute later."""
    slow = Slow(after=11)
    with served.running(kind, workers=1) as server, listening(slow) as port:
        people = write_mails(server, 2)
        with workers(server, port, 2):
            until(lambda: waiting(server) == 0, seconds=40)
    assert slow.taken == dict.fromkeys(people, 1)


@pytest.mark.long_fault
@pytest.mark.parametrize("kind", KINDS)
def test_twenty_mails_that_take_longer_than_a_lease_go_out_once_each(kind: str) -> None:
    slow = Slow(after=70)
    with served.running(kind, workers=1) as server, listening(slow) as port:
        people = write_mails(server, 20)
        with workers(server, port, 3):
            until(lambda: waiting(server) == 0, seconds=240)
            time.sleep(35)  # the next attempt of one that had been taken for lost
    assert slow.taken == dict.fromkeys(people, 1)


@pytest.mark.long_fault
@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_that_is_killed_between_two_lines_leaves_its_mails_to_the_next(kind: str) -> None:
    slow = Slow(before=8)
    with served.running(kind, workers=1) as server, listening(slow) as port:
        people = write_mails(server, 4)
        with workers(server, port, 1) as (first,):
            until(lambda: slow.asked == 4, seconds=20)
            first.send_signal(signal.SIGKILL)
            first.wait(10)
            slow.before = 0
            began = time.monotonic()
            with workers(server, port, 1):
                until(lambda: waiting(server) == 0, seconds=90)
            assert time.monotonic() - began < 75
    assert slow.taken == dict.fromkeys(people, 1)


@pytest.mark.long_fault
def test_a_worker_that_stood_still_gives_no_text_away_that_another_sent() -> None:
    """Frozen for longer than its lease, before the server has the text."""
    slow = Slow(before=3)
    with served.running("postgresql", workers=1) as server, listening(slow) as port:
        people = write_mails(server, 1)
        with workers(server, port, 1) as (first,):
            until(lambda: slow.asked == 1, seconds=20)
            os.kill(first.pid, signal.SIGSTOP)
            with workers(server, port, 1):
                until(lambda: waiting(server) == 0, seconds=90)
            os.kill(first.pid, signal.SIGCONT)
            time.sleep(5)
    assert slow.taken == dict.fromkeys(people, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_chore_that_fails_is_a_figure_and_the_others_run(kind: str, tmp_path: Path) -> None:
    bind = f"127.0.0.1:{served.free_port()}"
    with served.running(kind, workers=1) as server, listening(Slow()) as port:
        url = server.environment["AUTHSERVER_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE usage_totals RENAME TO elsewhere"))
        engine.dispose()
        host, _, number = bind.partition(":")
        server.environment["AUTHSERVER_METRICS_BIND"] = f"{host}:{int(number) - 1}"
        with workers(server, port, 1):
            until(lambda: 'authserver_chore_failed{chore="retention.purge"} 1.0' in figures(bind), seconds=30)
            until(lambda: 'chore="keys.rotate_if_due"} 0.0' in figures(bind), seconds=10)


def figures(bind: str) -> str:
    try:
        return requests.get(f"http://{bind}/metrics", timeout=5).text
    except requests.RequestException:
        return ""
