"""Backups of the worker: when they are due, one at a time, verified, and the oldest deleted."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from authserver import cli, config, database
from authserver.cli import scheduled_backups
from authserver.config import Settings
from authserver.domain.ground import cache, last_runs
from authserver.lib import clock
from authserver.observability import logs
from tests.cli.test_backup import shell
from tests.conftest import Person
from tests.support import parallel
from tests.support.webhooks import Time

__all__ = ["shell"]
DAY = 86_400
NEVER = threading.Event()


@pytest.fixture
def scheduled(app: Flask, shell: Any, settings: Settings, alice: Person, tmp_path: Path) -> Settings:
    """This test's installation with a folder for backups, of which two are kept."""
    return dataclasses.replace(settings, backup_dir=str(tmp_path / "backups"), backup_keep=2)


def files(settings: Settings) -> list[str]:
    return sorted(each.name for each in Path(settings.backup_dir).iterdir())


def test_a_backup_is_made_for_the_owner_alone_and_can_be_restored(scheduled: Settings) -> None:
    made = scheduled_backups.make(scheduled, NEVER)
    assert made is not None and made.stat().st_mode & 0o077 == 0
    assert Path(scheduled.backup_dir).stat().st_mode & 0o077 == 0
    assert last_runs.known()["backup"] > 0
    engine = database.engine()
    assert cli.main(["restore", str(made), "--plan"]) == 0
    database.install(engine)
    cache.reset()


def test_the_newest_are_kept_and_what_is_not_ours_stays(scheduled: Settings) -> None:
    folder = Path(scheduled.backup_dir)
    folder.mkdir()
    older = [f"{scheduled.slug}-2026-01-0{day}T000000Z.backup" for day in (1, 2, 3)]
    for name in (*older, "by-hand.backup", f"{scheduled.slug}-2026-01-04T000000Z.partial"):
        (folder / name).touch()
    made = scheduled_backups.make(scheduled, NEVER)
    assert made is not None
    assert files(scheduled) == sorted([older[2], made.name, "by-hand.backup"])


def test_one_that_cannot_be_made_deletes_nothing_and_says_why(
    scheduled: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = Path(scheduled.backup_dir)
    folder.mkdir()
    older = [f"{scheduled.slug}-2026-01-0{day}T000000Z.backup" for day in (1, 2, 3)]
    for name in older:
        (folder / name).touch()
    monkeypatch.setenv("AUTHSERVER_SECRET_KEY", "another secret key of more than thirty-two characters")
    assert scheduled_backups.make(scheduled, NEVER) is None
    logs.flush()
    assert "backup_failed" in (told := capfd.readouterr().err) and "cannot be opened" in told
    assert files(scheduled) == older
    assert last_runs.known()["backup"] == 0


def test_a_worker_that_stops_waits_for_no_backup(scheduled: Settings) -> None:
    stopped = threading.Event()
    stopped.set()
    assert scheduled_backups.make(scheduled, stopped) is None
    assert files(scheduled) == []


def test_one_worker_of_many_makes_it(scheduled: Settings) -> None:
    last_runs.known()  # a connection that stays open: where the last one closes, SQLite takes its log away
    begun = parallel.together(20, lambda _number: last_runs.claim("backup", every=DAY))
    assert sorted(begun) == [False] * 19 + [True]


def test_none_is_due_after_a_backup_by_whatever_means(scheduled: Settings) -> None:
    last_runs.note("backup")
    assert not last_runs.claim("backup", every=DAY)
    assert last_runs.claim("backup", every=0)


def test_one_that_failed_is_tried_again_in_an_hour(scheduled: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time(monkeypatch)
    assert last_runs.claim("backup", every=DAY)
    time.now += last_runs.CLAIM_SECONDS - 1
    assert not last_runs.claim("backup", every=DAY)
    time.now += 2
    assert last_runs.claim("backup", every=DAY)


def test_backups_twice_as_old_as_wanted_are_overdue(scheduled: Settings) -> None:
    with config.using(dataclasses.replace(scheduled, backup_every=7 * DAY)):
        assert not last_runs.is_overdue("backup", clock.now() - 13 * DAY)
        assert last_runs.is_overdue("backup", clock.now() - 15 * DAY)
