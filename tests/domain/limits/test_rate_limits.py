"""Rate limits: exact where they are shared, tighter where a storage is lost, never open and never an error."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from authserver import config
from authserver.config import Settings
from authserver.domain.limits import rate_limits
from authserver.domain.limits import storages as rate_limit_storages
from authserver.domain.limits import tiers as rate_limit_tiers
from authserver.domain.limits.rate_limits import State
from authserver.lib import clock
from tests.services import valkey
from tests.services.valkey import Valkey

LIMIT = "10/minute"
# A busy machine may keep Valkey waiting for longer than a request would.
PATIENT = 5.0


def settings_in(folder: Path, **more: object) -> Settings:
    return Settings(data_dir=str(folder), issuer="http://localhost:8000", log_level="ERROR", **more)  # type: ignore[arg-type]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Settings]:
    with config.using(settings_in(tmp_path)) as settings:
        yield settings


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    with valkey.running(tmp_path) as started:
        yield started


@pytest.fixture
def shared(server: Valkey, tmp_path: Path) -> Iterator[Settings]:
    with config.using(settings_in(tmp_path, redis_url=server.url)) as settings:
        rate_limit_tiers.tiers()  # as at assembly
        yield settings


def take(count: int, bucket: str = "key:k1", limit: str = LIMIT) -> list[State]:
    return [rate_limits.consume("api-key", bucket, limit) for _ in range(count)]


def storage_names() -> list[str]:
    return [tier.name for tier in rate_limit_tiers.tiers()]


# ---- the window ---------------------------------------------------------------------------------------------


def test_a_bucket_lets_through_what_its_limit_says_and_then_nothing(machine: Settings) -> None:
    states = take(13)
    assert [state.allowed for state in states] == [True] * 10 + [False] * 3
    assert [state.remaining for state in states] == [*range(9, -1, -1), 0, 0, 0]


def test_a_request_writes_in_one_step_so_that_no_lock_waits_for_the_interpreter(
    machine: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit_storages, "_TAKE", "a statement that says RETURNING keeps its lock")
    states = take(13)
    assert [state.allowed for state in states] == [True] * 10 + [False] * 3


def test_who_is_overtaken_again_and_again_still_gets_a_number_of_its_own(
    machine: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit_storages, "TRIES", 0)
    states = take(13)
    assert [state.remaining for state in states] == [*range(9, -1, -1), 0, 0, 0]


def test_a_refusal_says_when_to_come_back(machine: Settings) -> None:
    *_, last = take(11)
    assert 1 <= last.retry_after <= 60
    assert abs(last.reset_at - clock.now() - last.retry_after) <= 1


def test_the_window_begins_with_the_first_request_and_ends_once(
    machine: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = clock.now_us()
    monkeypatch.setattr(clock, "now_us", lambda: start)
    take(11)
    monkeypatch.setattr(clock, "now_us", lambda: start + 59_999_999)
    assert not take(1)[0].allowed
    monkeypatch.setattr(clock, "now_us", lambda: start + 60_000_000)
    assert take(1)[0].remaining == 9


def test_requests_that_overtake_one_another_count_in_one_window(
    machine: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = clock.now_us()
    monkeypatch.setattr(clock, "now_us", lambda: start)
    take(1)
    monkeypatch.setattr(clock, "now_us", lambda: start - 2000)  # read before the other's, written after it
    assert take(1)[0].remaining == 8


def test_a_clock_set_back_does_not_lock_anybody_out(machine: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    start = clock.now_us()
    monkeypatch.setattr(clock, "now_us", lambda: start + 86_400_000_000)
    take(11)
    monkeypatch.setattr(clock, "now_us", lambda: start)
    assert take(1)[0].allowed


def test_one_bucket_does_not_spend_anothers(machine: Settings) -> None:
    take(11, "key:k1")
    assert take(1, "key:k2")[0].remaining == 9


def test_looking_takes_nothing(machine: Settings) -> None:
    take(3)
    seen = [rate_limits.peek("api-key", "key:k1", LIMIT).remaining for _ in range(5)]
    assert seen == [7] * 5
    assert rate_limits.peek("api-key", "key:never", LIMIT).remaining == 10


@pytest.mark.parametrize(
    ("after", "allowed", "remaining"),
    [("20/minute", True, 9), ("11/minute", True, 0), ("10/minute", False, 0), ("5/minute", False, 0)],
)
def test_a_changed_limit_applies_at_once_to_what_was_used(
    machine: Settings, after: str, allowed: bool, remaining: int
) -> None:
    take(15)  # five of them refused, which count for nothing
    state = take(1, limit=after)[0]
    assert (state.allowed, state.remaining) == (allowed, remaining)


def check_changed_windows() -> None:
    """What an exhausted 3/hour has used is used of a day's, and an hour's of a day's."""
    take(4, "key:k3", "3/hour")
    assert [take(1, "key:k3", "72/day")[0].remaining for _ in range(2)] == [68, 67]
    ends = take(1, "key:k3", "3/hour")[0]
    assert not ends.allowed and ends.retry_after <= 3600
    assert rate_limits.peek("api-key", "key:k3", "3/hour").remaining == 0
    assert 86_000 < rate_limits.peek("api-key", "key:k3", "72/day").resets_in <= 86_400


def test_what_was_used_stays_used_when_the_window_changes(machine: Settings) -> None:
    check_changed_windows()


def test_what_was_used_stays_used_in_valkey_too(shared: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit_storages, "REDIS_SECONDS", PATIENT)
    check_changed_windows()
    assert storage_names()[0] == "redis"


def test_a_shorter_window_ends_as_long_after_it_began(machine: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    start = clock.now_us()
    monkeypatch.setattr(clock, "now_us", lambda: start)
    take(20, limit="20/day")
    monkeypatch.setattr(clock, "now_us", lambda: start + 3_599_000_000)
    assert not take(1, limit="5/hour")[0].allowed
    monkeypatch.setattr(clock, "now_us", lambda: start + 3_600_000_000)
    assert take(1, limit="5/hour")[0].remaining == 4


@pytest.mark.parametrize(
    ("limit", "ceiling", "within"),
    [
        ("1000/hour", "1000/hour", True), ("1001/hour", "1000/hour", False), ("1000/day", "1000/hour", True),
        ("24000/day", "1000/hour", False), ("1001/day", "1000/hour", False), ("16/minute", "1000/hour", True),
        ("17/minute", "1000/hour", False), ("1/second", "1000/hour", False), ("1/hour", "24/day", True),
        ("2/hour", "24/day", False), ("1/second", "60/minute", True),
    ],
)  # fmt: skip
def test_a_limit_is_within_a_ceiling_if_no_window_of_that_sees_more(limit: str, ceiling: str, within: bool) -> None:
    assert rate_limits.within(limit, ceiling) is within


@pytest.mark.parametrize(
    ("text", "parsed"),
    [("1/second", (1, 1)), ("100/minute", (100, 60)), ("1000/hour", (1000, 3600)), ("5/day", (5, 86_400))],
)
def test_limits_read_as_people_write_them(text: str, parsed: tuple[int, int]) -> None:
    assert rate_limits.parsed(text) == parsed
    assert config.is_rate_limit(text)


# ---- exact across threads and processes ---------------------------------------------------------------------


def test_threads_share_a_limit_exactly(machine: Settings) -> None:
    with ThreadPoolExecutor(16) as pool:
        states = list(pool.map(lambda _: rate_limits.consume("api-key", "key:k1", "100/hour"), range(400)))
    allowed = [state for state in states if state.allowed]
    assert len(allowed) == 100
    assert sorted(state.remaining for state in allowed) == list(range(100))


WORKER = """
import sys
from authserver import config
from authserver.config import Settings
from authserver.domain.limits import rate_limits
from authserver.domain.limits import storages as rate_limit_storages
from authserver.domain.limits import tiers as rate_limit_tiers
rate_limit_storages.REDIS_SECONDS = 5.0
settings = Settings(data_dir=sys.argv[1], redis_url=sys.argv[2], log_level="ERROR")
with config.using(settings):
    rate_limits.peek("api-key", "key:k1", "100/hour")
    print("ready", flush=True)
    sys.stdin.readline()
    print(sum(rate_limits.consume("api-key", "key:k1", "100/hour").allowed for _ in range(100)))
"""


def allowed_by_two_processes(folders: list[Path], redis_url: str = "") -> list[int]:
    """Two processes that begin at one moment; how much each was allowed of its hundred."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(folder), redis_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for folder in folders
    ]
    for worker in workers:
        assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    return [int(worker.communicate(timeout=60)[0]) for worker in workers]


def test_processes_of_one_machine_share_a_limit_exactly(tmp_path: Path) -> None:
    assert sum(allowed_by_two_processes([tmp_path, tmp_path])) == 100


def test_a_child_process_counts_in_the_same_bucket(machine: Settings) -> None:
    take(4)
    pid = os.fork()
    if pid == 0:  # pragma: no cover - in the child
        state = take(1)[0]
        os._exit(state.remaining)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
    assert take(1)[0].remaining == 4


def test_the_file_is_for_this_user_alone(machine: Settings, tmp_path: Path) -> None:
    take(1)
    assert (tmp_path / rate_limit_storages.FILE).stat().st_mode & 0o077 == 0


def test_a_file_that_an_earlier_version_left_is_no_lost_storage(machine: Settings, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "rate-limits.sqlite3") as earlier:
        earlier.execute("CREATE TABLE windows (key TEXT PRIMARY KEY, count INTEGER, ends_us INTEGER) WITHOUT ROWID")
    assert sum(state.allowed for state in take(12)) == 10


# ---- the machine's storage is lost --------------------------------------------------------------------------


def test_without_its_file_a_worker_grants_half(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    with config.using(settings_in(tmp_path / "taken")):
        assert sum(state.allowed for state in take(12)) == 5


def test_workers_without_their_file_grant_half_together(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    with config.using(settings_in(tmp_path / "taken", workers=2)):
        assert sum(state.allowed for state in take(12)) == 2


def test_a_damaged_file_never_opens_a_limit_and_never_raises(machine: Settings, tmp_path: Path) -> None:
    (tmp_path / rate_limit_storages.FILE).write_bytes(b"this is no database" * 100)
    assert sum(state.allowed for state in take(12)) == 5


def test_a_locked_file_is_not_waited_for(machine: Settings, tmp_path: Path) -> None:
    take(1)
    blocker = sqlite3.connect(tmp_path / rate_limit_storages.FILE, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    states = take(12)
    assert time.monotonic() - started < 2
    assert sum(state.allowed for state in states) == 5
    blocker.execute("COMMIT")
    blocker.close()


# ---- several nodes ------------------------------------------------------------------------------------------


def test_nodes_share_a_limit_exactly_through_valkey(server: Valkey, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    assert sum(allowed_by_two_processes(folders, server.url)) == 100


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit_storages, "REDIS_SECONDS", PATIENT)


@pytest.mark.usefixtures("patient")
def test_valkey_counts_as_the_machine_does(shared: Settings) -> None:
    states = take(12)
    assert [state.remaining for state in states] == [*range(9, -1, -1), 0, 0]
    assert sum(state.allowed for state in states) == 10
    assert 1 <= states[-1].retry_after <= 60
    assert take(1, limit="20/minute")[0].remaining == 9
    assert rate_limits.peek("api-key", "key:k1", LIMIT).remaining == 0


@pytest.mark.usefixtures("patient")
def test_a_killed_valkey_halves_the_limit_until_it_is_back(
    server: Valkey, shared: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit_tiers, "REST_SECONDS", 0.3)
    assert take(1)[0].limit == 10
    server.kill()
    states = take(12)
    assert {state.limit for state in states} == {5}
    assert sum(state.allowed for state in states) == 5
    server.start()
    time.sleep(0.4)
    assert take(1)[0].limit == 10


def test_a_hanging_valkey_holds_up_one_request_and_not_for_long(server: Valkey, shared: Settings) -> None:
    server.hang()
    spent = []
    for _ in range(10):
        started = time.monotonic()
        state = take(1)[0]
        spent.append(time.monotonic() - started)
        assert state.limit == 5
    server.wake()
    assert spent[0] < 0.5  # 45 ms, on a machine with nothing else to do
    assert sorted(spent)[-2] < 0.05


def test_while_valkey_hangs_only_one_request_a_second_tries_it(
    server: Valkey, shared: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(1)
    server.hang()
    take(1)
    asked = []
    storage = rate_limit_tiers.tiers()[0].storage
    monkeypatch.setattr(storage, "take", lambda *_: asked.append(1) or (_ for _ in ()).throw(TimeoutError()))
    rate_limit_tiers.tiers()[0]._retry_at = time.monotonic()  # its rest is over
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: take(1), range(40)))
    server.wake()
    assert len(asked) <= 2


def test_without_valkey_its_port_is_not_needed(machine: Settings) -> None:
    assert storage_names() == ["machine", "process"]
