"""A copy into another database: the other server goes on with what the one gave, and a killed copy leaves nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import postgres
from tests.support import served
from tests.support.served import KINDS, Served

pytestmark = pytest.mark.served
MOMENTS = 8


@contextlib.contextmanager
def other(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database of the other kind."""
    if kind == "postgresql":
        yield f"sqlite:///{folder / 'other.sqlite3'}"
        return
    url = postgres.create_database()
    yield url
    postgres.drop_database(url)


def moving(server: Served, url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(served.COMMAND), "copy", "--to", url], env=server.environment, cwd=server.folder,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def serve_from(server: Served, url: str) -> None:
    """The same server, at the same address, on the other database."""
    server.process = subprocess.Popen(
        [str(served.COMMAND), "serve", "--port", server.issuer.rpartition(":")[2], "--workers", "1"],
        env=server.environment | {"AUTHSERVER_DATABASE_URL": url}, cwd=server.folder, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    served.wait_until_ready(server)


# The core compares both directions row for row in tests/cli/test_copy.py.
@pytest.mark.long_fault
@pytest.mark.parametrize("kind", KINDS)
def test_sessions_tokens_and_revocations_go_along(kind: str, tmp_path: Path) -> None:
    with served.running(kind, workers=1) as server, other(kind, tmp_path) as url:
        app = server.app()
        browser = server.browser("alice@example.test")
        kept, ended = app.tokens(browser), app.tokens(browser)
        app.revoke(ended["refresh_token"])
        server.stop(gently=True)
        done = moving(server, url)
        assert done.wait(60) == 0, done.stderr and done.stderr.read()
        serve_from(server, url)
        assert app.is_active(kept["access_token"])
        assert not app.is_active(ended["access_token"])
        assert app.refresh(kept["refresh_token"]).status == 200
        assert app.refresh(ended["refresh_token"]).status == 400
        assert browser.get("/").status == 200


@pytest.mark.long_fault
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_copy_leaves_an_empty_database_or_the_whole(kind: str, tmp_path: Path) -> None:
    with served.running(kind, workers=1) as server:
        for number in range(20):
            server.user(f"person{number}@example.test")
        server.stop(gently=True)
        with other(kind, tmp_path) as url:
            started = time.monotonic()
            assert moving(server, url).wait(60) == 0
            whole = time.monotonic() - started
        for moment in range(MOMENTS):
            folder = tmp_path / str(moment)
            folder.mkdir()
            with other(kind, folder) as url:
                running = moving(server, url)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    running.wait(whole * (moment + 1) / (MOMENTS + 1))
                killed = running.poll() is None
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(running.pid, signal.SIGKILL)
                running.wait(20)
                again = moving(server, url)
                assert again.wait(60) == (0 if killed else 1), again.stderr and again.stderr.read()
