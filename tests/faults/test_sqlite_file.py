"""SQLite's file and its disk, under a running server and before a start."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from authserver.domain.running import write_probe
from authserver.lib import watched_file
from tests.faults.ledgers import Ledger
from tests.faults.watching import Watched, disk_with_errors, small_disk, until, watched
from tests.support import served

pytestmark = [pytest.mark.fault, pytest.mark.served, pytest.mark.usefixtures("socket_enabled")]
DISK = [write_probe._SQLITE[code] for code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR)]


def _file(server: Watched) -> Path:
    return server.server.folder / "served.sqlite3"


def _replace(file: Path) -> None:
    shutil.copy(file, file.with_suffix(".copy"))
    file.with_suffix(".copy").replace(file)


def _empty(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.truncate(0)


# That each of the three is seen is shown in tests/lib/test_watched_file.py; what follows from it is the same.
@pytest.mark.parametrize(
    ("happens", "said"),
    [
        pytest.param(Path.unlink, watched_file.GONE, id="deleted", marks=pytest.mark.long_fault),
        pytest.param(_replace, watched_file.REPLACED, id="replaced"),
        pytest.param(_empty, watched_file.EMPTIED, id="emptied", marks=pytest.mark.long_fault),
    ],
)
def test_a_file_that_is_another_one_is_not_written_and_told_once(happens: Callable[[Path], None], said: str) -> None:
    with watched("sqlite") as server:
        happens(_file(server))
        before = _file(server).read_bytes() if _file(server).exists() else None
        server.require_not_ready("database", said)
        assert server.sign_in() == 503
        time.sleep(2.5)  # more looks
        # Of the worker or of the process that answers operators, whichever saw it first.
        assert [each["checks"] for each in server.events("not_ready")] == [{"database": said}]
        assert (_file(server).read_bytes() if _file(server).exists() else None) == before


@pytest.mark.long_fault
@pytest.mark.parametrize("left", ["nothing", "an empty file"])
def test_an_empty_file_where_a_database_was_is_no_beginning(tmp_path: Path, left: str) -> None:
    url = f"sqlite:///{tmp_path / 'a.sqlite3'}"
    variables = served.environment(url, tmp_path, served.free_port())
    for command, code, says in (("migrate", 0, ""), ("serve", 4, "restore"), ("migrate", 4, "restore")):
        done = subprocess.run(
            [str(served.COMMAND), command], env=variables, cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, says in done.stderr) == (code, True), done.stderr
        for each in tmp_path.glob("a.sqlite3*"):
            if each.suffix != ".installed":
                each.unlink()
        if left != "nothing":
            (tmp_path / "a.sqlite3").touch()


@pytest.mark.long_fault
def test_a_backup_is_restored_where_the_file_was_lost(tmp_path: Path) -> None:
    with watched("sqlite") as server:
        server.server.user("alice@example.test")
        server.server.cli("backup", str(tmp_path / "kept"))
        server.server.process.send_signal(signal.SIGTERM)
        server.server.process.send_signal(signal.SIGTERM)
        server.server.process.wait(20)
        for each in server.server.folder.glob("served.sqlite3*"):
            if each.suffix != ".installed":
                each.unlink()
        server.server.cli("restore", str(tmp_path / "kept"), "--yes")
        assert [each["email"] for each in server.server.cli("user", "list")] == ["alice@example.test"]


@pytest.mark.long_fault
def test_a_full_disk_is_not_ready_until_there_is_room_and_what_was_promised_can_be_read(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "disk", 24) as disk,
        watched("sqlite", url=f"sqlite:///{disk / 'served.sqlite3'}") as server,
    ):
        ledger = Ledger(server.server)
        ledger.promise()
        with pytest.raises(OSError, match="No space"), (disk / "filling").open("wb", buffering=0) as filling:
            while True:
                filling.write(bytes(65_536))
        server.require_not_ready("database", write_probe.DISK_FULL)
        assert [ledger.app.is_active(each) for each in (*ledger.good, *ledger.ended)] == [True, True, False]
        assert server.sign_in() == 503
        (disk / "filling").unlink()
        until(server.is_ready)
        assert server.sign_in() == 422
        assert server.server.user("after@example.test")
        ledger.require_kept()
        ledger.require_used_up()


def test_a_disk_that_became_read_only_is_not_ready(tmp_path: Path) -> None:
    with (
        disk_with_errors(tmp_path / "disk") as (disk, fail),
        watched("sqlite", url=f"sqlite:///{disk / 'served.sqlite3'}") as server,
    ):
        fail()
        server.require_not_ready("database", *DISK)
        assert server.sign_in() == 503


@pytest.mark.long_fault
def test_another_process_that_writes_delays_writers_and_no_reader() -> None:
    with watched("sqlite") as server, ThreadPoolExecutor(1) as person:
        ledger = Ledger(server.server)
        ledger.promise()
        assert server.sign_in() == 422
        with sqlite3.connect(_file(server), isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            signing_in = person.submit(server.sign_in)
            while time.monotonic() - began < 2:
                asked = time.monotonic()
                assert ledger.app.is_active(ledger.good[0]) and server.get("/login").status_code == 200
                assert time.monotonic() - asked < 1
            assert not signing_in.done()
            other.execute("ROLLBACK")
        assert signing_in.result(10) == 422
        ledger.require_kept()


@pytest.mark.long_fault
def test_another_process_that_locks_the_file_is_named() -> None:
    with watched("sqlite") as server:
        with sqlite3.connect(_file(server), isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            until(lambda: not server.is_ready(), seconds=12)
            until(server.says("database", write_probe._SQLITE[sqlite3.SQLITE_BUSY]), seconds=12)
            other.execute("ROLLBACK")
        until(server.is_ready)
