"""Clocks that are set wrong, while servers run, between their runs and on one node of two: what was promised holds."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from authserver.lib import clock
from tests.faults.ledgers import Ledger
from tests.faults.wall_clocks import DAY, HOUR, WallClock
from tests.faults.watching import Watched, until, watched
from tests.support import served
from tests.support.served import KINDS, Served
from tests.support.third_party import App

pytestmark = [pytest.mark.fault, pytest.mark.served, pytest.mark.usefixtures("socket_enabled")]
GRACE = 2


def spent_long_ago(ledger: Ledger) -> str:
    """A refresh token whose grace is over."""
    tokens = ledger.app.tokens(ledger.browser)
    assert ledger.app.refresh(tokens["refresh_token"]).status == 200
    time.sleep(GRACE + 0.2)
    return str(tokens["refresh_token"])


@pytest.mark.long_fault
@pytest.mark.parametrize("kind", KINDS)
def test_a_clock_that_jumps_while_the_server_runs_moves_nothing(kind: str, tmp_path: Path) -> None:
    """Back an hour and a day, ahead a day and back again; and a worker that dies meanwhile is replaced in that time."""
    wall = WallClock(tmp_path)
    with served.running(kind, workers=1, variables=wall.variables, refresh_grace=GRACE) as server:
        ledger = Ledger(server)
        ledger.promise()
        for ahead in (-HOUR, -DAY, DAY, 0):
            spent = spent_long_ago(ledger)
            wall.set(ahead)
            ledger.require_kept()
            assert ledger.app.refresh(spent).status == 400, "a grace is open again"
            ledger.promise()
            if ahead == -DAY:
                replace_the_worker(server)
            ledger.require_kept()
        ledger.require_used_up()
        assert '"event":"clock_apart"' in server.log


def replace_the_worker(server: Served) -> None:
    before = server.workers()
    os.kill(before[0], signal.SIGKILL)
    until(lambda: server.workers() not in ([], before), seconds=20)
    until(lambda: answers(server), seconds=20)


def answers(server: Served) -> bool:
    try:
        return requests.get(server.issuer + "/healthz", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def purged(server: Served, wall: WallClock, ahead: int) -> None:
    """`authserver purge` while the clock is so far ahead."""
    wall.set(ahead)
    done = subprocess.run(
        [str(served.COMMAND), "purge"], env=server.environment, cwd=server.folder, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    wall.set(0)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_revoked_stays_revoked_when_a_clock_ahead_deletes_what_expired(kind: str, tmp_path: Path) -> None:
    """A day ahead, and a year; the server is stopped, so that on SQLite no other process knows better."""
    wall = WallClock(tmp_path)
    options = {"workers": 1, "refresh_grace": GRACE}
    with served.running(kind, variables=wall.variables, **options) as server:
        ledger = Ledger(server)
        ledger.promise()
        purged(server, wall, 0)
        restarted(server, lambda: [purged(server, wall, ahead) for ahead in (DAY, 400 * DAY)])
        ledger.require_kept()
        ledger.require_used_up()


def restarted(server: Served, meanwhile: Callable[[], object]) -> None:
    """Stop the server, do something, and start it again where it was."""
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(20)
    meanwhile()
    words = server.process.args
    with (server.folder / "server.log").open("ab") as log:
        server.process = subprocess.Popen(
            words, cwd=server.folder, env=server.environment, stdin=subprocess.DEVNULL,  # type: ignore[arg-type]
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    until(lambda: answers(server), seconds=30)


@pytest.mark.long_fault
@pytest.mark.parametrize("kind", KINDS)
def test_an_installation_whose_first_start_was_ahead_of_time_signs_when_its_clock_is_right(
    kind: str, tmp_path: Path
) -> None:
    wall = WallClock(tmp_path, ahead=DAY)
    options = {"workers": 1, "first": True, "ready": "/healthz"}
    with served.running(kind, variables=wall.variables, **options) as server:
        restarted(server, lambda: wall.set(0))
        token = server.machine().client_credentials()
        assert token.status == 200, token.text
        iat = Ledger(server).app.introspect(token.json["access_token"])["iat"]
        assert abs(iat - clock.now()) < 10
        until(lambda: requests.get(server.issuer + "/readyz", timeout=5).status_code == 200)


@pytest.mark.long_fault
@pytest.mark.parametrize("kind", KINDS)
def test_nodes_whose_clocks_are_minutes_apart_take_each_others_tokens_and_end_all_of_them(
    kind: str, tmp_path: Path
) -> None:
    wall = WallClock(tmp_path, ahead=600)
    late = WallClock(tmp_path, "late", ahead=-600)
    with served.running(kind, workers=1, refresh_grace=GRACE) as right:
        ledger = Ledger(right)
        url = right.environment["AUTHSERVER_DATABASE_URL"]
        same = {"url": url, "issuer": right.issuer, "workers": 1, "ready": "/healthz", "refresh_grace": GRACE}
        with (
            served.running(kind, variables=wall.variables, **same) as ahead,
            served.running(kind, variables=late.variables, **same) as behind,
        ):
            nodes = [dataclasses.replace(ledger.app, issuer=each.issuer) for each in (right, ahead, behind)]
            tokens = [node.client_credentials().json["access_token"] for node in jobs(ledger.job, nodes)]
            assert [node.is_active(each) for node in nodes for each in tokens] == [True] * 9
            require_one_success(ledger, nodes)
            spent = spent_long_ago(ledger)
            assert [node.refresh(spent).status for node in nodes] == [400] * 3
            revoke_all(right, ledger.job)
            until(lambda: [node.is_active(each) for node in nodes for each in tokens] == [False] * 9, seconds=3)
            time.sleep(2)  # the second in which they were ended, and that in which caches hear of it
            fresh = [node.client_credentials().json["access_token"] for node in jobs(ledger.job, nodes)]
            assert [node.is_active(each) for node in nodes for each in fresh] == [True] * 9


def jobs(job: App, nodes: list[App]) -> list[App]:
    return [dataclasses.replace(job, issuer=node.issuer) for node in nodes]


def require_one_success(ledger: Ledger, nodes: list[App]) -> None:
    code, asked = ledger.app.code(ledger.browser)
    assert sorted(node.redeem(code, asked.verifier).status for node in nodes) == [200, 400, 400]


def revoke_all(server: Served, app: App) -> None:
    server.user("root@example.test", admin=True)
    root = server.browser("root@example.test")
    path = f"/apps/{app.client_id}/revoke-tokens"
    answer = root.submit(root.open(path).form(path))
    assert answer.status in (302, 303), answer.text


@pytest.mark.long_fault
def test_a_clock_apart_from_the_databases_is_told_and_beyond_a_minute_not_ready(tmp_path: Path) -> None:
    wall = WallClock(tmp_path)
    with watched("postgresql", variables=wall.variables) as server:
        wall.set(30)
        until(lambda: abs((server.figure("authserver_clock_skew_seconds") or 0) - 30) < 2)
        assert server.is_ready()
        assert "database clock" in doctor(server)
        wall.set(-HOUR)
        until(lambda: not server.is_ready())
        until(lambda: "minute apart" in str(server.events("not_ready")[-1]["checks"]))
        wall.set(0)
        until(server.is_ready)


def test_on_one_machine_a_clock_that_was_set_is_told_and_serving_goes_on(tmp_path: Path) -> None:
    wall = WallClock(tmp_path)
    with watched("sqlite", variables=wall.variables) as server:
        wall.set(-HOUR)
        until(lambda: abs((server.figure("authserver_clock_skew_seconds") or 0) + HOUR) < 5)
        assert server.is_ready()
        assert "database clock" in doctor(server)


def doctor(server: Watched) -> str:
    """What it finds wrong."""
    done = subprocess.run(
        [str(served.COMMAND), "doctor"], env=server.server.environment, cwd=server.server.folder, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    return "\n".join(line for line in done.stdout.splitlines() if " ok " not in f" {line} ")
