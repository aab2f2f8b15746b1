"""A restore that is killed at any moment leaves the database of before or the restored one, and nothing in between."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support import fault_table, served
from tests.support.served import KINDS, Served

pytestmark = [pytest.mark.served, pytest.mark.long_fault]
MOMENTS = 12


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_restore_leaves_the_old_or_the_new(kind: str, tmp_path: Path) -> None:
    with served.running(kind, workers=1) as server:
        server.user("alice@example.test")
        leaked = server.cli(
            "key", "create", "--owner", "alice@example.test", "--name", "Leaked", "--permission", "read_only"
        )["id"]
        server.cli("backup", str(tmp_path / "kaie.backup"))
        server.cli("key", "revoke", leaked)
        server.user("since@example.test")
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(40)
        whole = restored(server, tmp_path)
        fault_table.promised(f"{MOMENTS} kills: people, a revoked key, audit chain")
        found = set()
        for moment in range(MOMENTS):
            server.cli("user", "create", f"later{moment}@example.test", "--name", "Later")
            restored(server, tmp_path, killed_after=whole * moment / MOMENTS)
            people = {each["email"] for each in server.cli("user", "list")}
            old = f"later{moment}@example.test" in people
            assert old or "since@example.test" not in people
            assert is_revoked(server, leaked), f"killed after {moment}/{MOMENTS}"
            assert server.cli("audit", "verify")["sound"] is True
            found.add("old" if old else "new")
        assert "old" in found


def restored(server: Served, folder: Path, *, killed_after: float | None = None) -> float:
    """Restore in a process of its own, and kill it after so many seconds; how long it took."""
    started = time.monotonic()
    running = subprocess.Popen(
        [str(served.COMMAND), "restore", str(folder / "kaie.backup"), "--yes"], env=server.environment,
        cwd=server.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    if killed_after is None:
        assert running.wait(60) == 0
    else:
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(killed_after)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait(20)
    return time.monotonic() - started


def is_revoked(server: Served, key: str) -> bool:
    (row,) = (each for each in server.cli("key", "list", "--owner", "alice@example.test") if each["id"] == key)
    return row["status"] == "revoked"
