"""Processes that write to one SQLite file are killed: what they were told was kept is there, and others go on."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from authserver import database
from authserver.models import UsageCount
from tests.support import databases, fault_table

pytestmark = [pytest.mark.fault]
# Four threads write row after row, and say of each that it is kept.
WRITES = """
import os, sys, threading
from authserver import config, database, install
from authserver.config import Settings
from authserver.models import UsageCount

url, secret = sys.argv[1:]
install(Settings(database_url=url, secret_key=secret, issuer="http://localhost:8000", log_level="ERROR"))

def write(thread):
    for number in range(100_000):
        subject = f"{os.getpid()}-{thread}-{number}"
        with database.transaction() as session:
            session.add(UsageCount(hour=0, metric="test", subject=subject, count=1))
        os.write(1, f"{subject}\\n".encode())

for thread in range(4):
    threading.Thread(target=write, args=(thread,)).start()
"""


def _writing(url: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", WRITES, url, databases.SECRET_KEY]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def test_killed_in_the_midst_of_shared_commits_nothing_is_lost_that_was_told(tmp_path: Path) -> None:
    with databases.fresh("sqlite", tmp_path) as url:
        told: list[str] = []
        survivor = _writing(url)
        assert survivor.stdout is not None
        for _ in range(3):
            victim = _writing(url)
            assert victim.stdout is not None
            told += [victim.stdout.readline().strip() for _ in range(40)]  # both write by now
            victim.kill()
            told += victim.stdout.read().split("\n")[:-1]
            victim.wait(20)
        time.sleep(0.2)
        survivor.kill()
        told += survivor.stdout.read().split("\n")[:-1]
        survivor.wait(20)
        assert {each.partition("-")[0] for each in told} >= {str(survivor.pid)}
        fault_table.promised(f"{len(set(told))} rows")
        assert set(told) <= _kept(url)


def test_the_others_go_on_at_once_when_the_one_in_turn_is_killed(tmp_path: Path) -> None:
    with databases.fresh("sqlite", tmp_path) as url:
        victim, survivor = _writing(url), _writing(url)
        for each in (victim, survivor):
            assert each.stdout is not None
            each.stdout.readline()
        victim.kill()
        victim.wait(20)
        began, lines = time.monotonic(), 0
        while lines < 200:  # more than a pipe and a reader hold back
            assert survivor.stdout is not None
            assert survivor.stdout.readline()
            lines += 1
        assert time.monotonic() - began < 20
        survivor.kill()
        survivor.wait(20)
        victim.communicate()
        survivor.communicate()


def test_two_processes_write_about_as_much(tmp_path: Path) -> None:
    with databases.fresh("sqlite", tmp_path) as url:
        both = [_writing(url) for _ in range(2)]
        for each in both:
            assert each.stdout is not None
            each.stdout.readline()
        time.sleep(2)
        for each in both:
            each.kill()
        counts = [len(each.communicate()[0].split("\n")) for each in both]
        assert min(counts) * 4 > max(counts), counts


def _kept(url: str) -> set[str]:
    from authserver import config, install
    from authserver.config import Settings

    with config.using(Settings(database_url=url, secret_key=databases.SECRET_KEY, issuer=databases.ISSUER)) as settings:
        install(settings)
        with database.reading() as session:
            found = set(session.scalars(select(UsageCount.subject).where(UsageCount.metric == "test")))
        database.engine().dispose()
    return found
