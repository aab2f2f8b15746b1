"""Turns between processes; two of these in one process are strangers to each other, as files opened twice are."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from authserver.lib import turns
from authserver.lib.turns import Turns

HOLDS = """
import sys, time
from pathlib import Path
from authserver.lib.turns import Turns
assert Turns(Path(sys.argv[1])).take(20)
print("in turn", flush=True)
time.sleep(60)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "a.sqlite3").touch()
    return tmp_path / "a.sqlite3"


@pytest.fixture
def holder(file: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that is in turn."""
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(file)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in turn\n"
        yield process
        process.kill()


def test_one_is_in_turn_at_a_time(file: Path) -> None:
    one, other = Turns(file), Turns(file)
    assert one.take(1)
    assert not other.take(0.05)
    one.give()
    assert other.take(20)


def test_who_waits_is_told_at_once(file: Path) -> None:
    one, other = Turns(file), Turns(file)
    assert one.take(1)
    threading.Timer(0.2, one.give).start()
    assert other.take(20)


def test_who_had_the_turn_stands_behind_who_waits(file: Path) -> None:
    one, other = Turns(file), Turns(file)
    had: list[str] = []
    stop = time.monotonic() + 20

    def take(turns: Turns, name: str) -> None:
        while len(had) < 40 and time.monotonic() < stop:
            assert turns.take(20)
            had.append(name)
            time.sleep(0.005)  # long enough for the other to come
            turns.give()

    threads = [threading.Thread(target=take, args=each) for each in ((one, "one"), (other, "other"))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert min(had.count("one"), had.count("other")) >= 10


def test_nobody_passes_the_one_who_is_next(file: Path) -> None:
    following, newcomer = Turns(file), Turns(file)
    turns._lock(following._next)
    assert not newcomer.take(0.05)
    turns._unlock(following._next)
    assert newcomer.take(20)


def test_who_gave_up_waiting_keeps_nobody_out(file: Path) -> None:
    one, other, third = Turns(file), Turns(file), Turns(file)
    assert one.take(1)
    assert not other.take(0.05)
    one.give()
    assert third.take(20)
    third.give()
    assert other.take(20)


def test_who_dies_gives_the_turn_back(file: Path, holder: subprocess.Popen[str]) -> None:
    mine = Turns(file)
    assert not mine.take(0.05)
    holder.kill()
    assert mine.take(20)


def test_a_process_that_is_started_does_not_inherit_the_turn(file: Path) -> None:
    mine, other = Turns(file), Turns(file)
    assert mine.take(1)
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        mine.close()
        assert other.take(20)
        child.kill()


def test_locks_that_are_kept_are_known_from_those_that_are_not(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert turns.are_kept(file)
    monkeypatch.setattr(turns.fcntl, "flock", lambda *_: None)
    assert not turns.are_kept(file)
    monkeypatch.setattr(turns.fcntl, "flock", lambda *_: os.open(file / "none", os.O_RDONLY))
    assert not turns.are_kept(file)


def test_the_files_belong_to_whom_the_database_belongs(file: Path) -> None:
    if os.geteuid() == 0:
        os.chown(file, 1234, 1234)
    Turns(file)
    for end in (".turn", ".next"):
        found = Path(f"{file}{end}").stat()
        assert (found.st_uid, found.st_mode & 0o777) == (file.stat().st_uid, 0o600)
