"""PostgreSQL that can be read and not written, or says nothing at all."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from authserver.domain.running import write_probe
from tests.faults.ledgers import Ledger
from tests.faults.watching import Postgres, Watched, own_postgres, until, watched
from tests.services import pgbouncer

pytestmark = [pytest.mark.fault, pytest.mark.served, pytest.mark.usefixtures("socket_enabled")]


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    with own_postgres(tmp_path) as server:
        yield server


@pytest.mark.long_fault
def test_a_database_without_writing_is_not_ready_and_its_sessions_are_let_go(postgres: Postgres) -> None:
    with watched("postgresql", url=postgres.url) as server:
        postgres.execute("ALTER DATABASE postgres SET default_transaction_read_only = on")
        postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        for _ in range(5):
            server.get("/login")  # sessions that stay read-only for as long as they live
        server.require_not_ready("database", write_probe.READ_ONLY)
        assert server.figure("authserver_database_writable") == 0
        postgres.execute(
            "BEGIN; SET TRANSACTION READ WRITE; ALTER DATABASE postgres RESET default_transaction_read_only; COMMIT"
        )
        until(server.is_ready)
        assert [server.sign_in() for _ in range(8)] == [422] * 8


@pytest.mark.long_fault
def test_a_standby_is_not_ready_until_it_is_promoted(postgres: Postgres) -> None:
    with watched("postgresql", url=postgres.url) as server:
        postgres.stop()
        signal_file = postgres.data / "standby.signal"
        signal_file.touch()
        signal_file.chmod(0o644)
        postgres.start()
        server.require_not_ready("database", write_probe.STANDBY)
        postgres.execute("SELECT pg_promote()")
        until(server.is_ready)
        assert server.sign_in() == 422


def test_a_frozen_database_is_told_at_once_and_holds_up_nothing_that_does_not_need_it(postgres: Postgres) -> None:
    with watched("postgresql", url=postgres.url, threads=2) as server, ThreadPoolExecutor(8) as people:
        ledger = Ledger(server.server)
        ledger.promise()
        job = server.server.machine("Nobody has asked for it yet")
        auth = (job.client_id, job.client_secret)
        postgres.signal(signal.SIGSTOP)
        asked = [people.submit(_introspect, server, auth) for _ in range(8)]
        time.sleep(1)
        assert _seconds(server, "/healthz") < 1
        until(lambda: not server.is_ready())
        for path in ("/readyz", "/healthz", "/.well-known/jwks.json"):
            assert [_seconds(server, path) < 1 for _ in range(5)] == [True] * 5, path
        until(server.says("database", write_probe.SILENT))
        assert {each.result(60) for each in asked} == {503}
        postgres.signal(signal.SIGCONT)
        until(server.is_ready)
        until(lambda: _introspect(server, auth) == 200, seconds=2)
        ledger.require_kept()
        ledger.require_used_up()


@pytest.mark.long_fault
def test_a_database_that_is_killed_has_lost_nothing_that_was_acknowledged_when_it_is_back(postgres: Postgres) -> None:
    """E2."""
    with watched("postgresql", url=postgres.url) as server:
        ledger = Ledger(server.server)
        for _ in range(3):
            ledger.promise()
            postgres.kill()
            until(lambda: not server.is_ready())
            assert server.get("/healthz").status_code == 200
            postgres.start()
            until(server.is_ready, seconds=30)
            time.sleep(2)  # so long it may be felt (E3)
            ledger.require_kept()
        ledger.require_used_up()


@pytest.mark.long_fault
def test_a_pooler_that_reaches_no_database_is_told_once_and_nobody_waits_for_it(
    postgres: Postgres, tmp_path: Path
) -> None:
    """It takes connections itself, so that no request fails to connect."""
    (tmp_path / "pooler").mkdir()
    with (
        pgbouncer.in_front_of(postgres.url, tmp_path / "pooler") as url,
        watched("postgresql", url=url, threads=2) as server,
    ):
        job = server.server.machine("Job", "--access-token-format", "opaque")
        assert job.client_credentials().status == 200
        postgres.stop()
        assert {job.client_credentials().status for _ in range(60)} == {503}
        until(lambda: bool(server.events("database_away")))
        assert len(server.events("database_error")) < 10
        postgres.start()
        until(lambda: job.client_credentials().status == 200, seconds=40)
        until(lambda: bool(server.events("database_back")))


def _introspect(server: Watched, auth: tuple[str, str]) -> int:
    return requests.post(
        server.server.issuer + "/oauth/introspect", data={"token": "kaie_at_x"}, auth=auth, timeout=60
    ).status_code


def _seconds(server: Watched, path: str) -> float:
    started = time.monotonic()
    server.get(path)
    return time.monotonic() - started
