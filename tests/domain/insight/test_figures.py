"""Figures that are states: read from the database, the same on whichever process is asked."""

from __future__ import annotations

import dataclasses

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoConnection

from authserver import config, database
from authserver.domain.ground import last_runs, mails
from authserver.domain.insight import figures
from authserver.domain.limits import tiers
from authserver.domain.running import standing
from authserver.edge import machine
from authserver.lib import clock
from authserver.observability import metrics
from tests.conftest import Person


def figure(name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(f"authserver_{name}", labels) or 0.0


def test_what_was_never_done_was_last_done_at_the_beginning_of_time(app: Flask) -> None:
    figures.refresh()
    assert figure("last_retention_timestamp_seconds") == figure("last_backup_timestamp_seconds") == 0


@pytest.mark.parametrize("name", last_runs.OLDEST)
def test_what_was_done_is_told_by_every_process_from_then_on(app: Flask, name: str) -> None:
    before = clock.now()
    last_runs.note(name)
    last_runs.note(name)
    figures.refresh()
    assert before <= figure(f"last_{name}_timestamp_seconds") <= clock.now()


def test_mails_that_wait_are_counted_with_the_age_of_the_oldest(app: Flask, alice: Person) -> None:
    figures.refresh()
    assert figure("mail_queue_depth") == figure("mail_oldest_pending_seconds") == 0
    mails.in_background(False)
    nowhere = dataclasses.replace(config.current(), smtp_url="smtp://127.0.0.1:9", mail_from="us@example.test")
    with config.using(nowhere):
        for _ in range(2):
            with database.transaction() as session:
                mails.send(session, "a@example.test", "invitation", whose=alice.id, name="", link="x")
    with database.transaction() as session:
        session.execute(text("UPDATE mails SET created_at = created_at - 600"))
    figures.refresh()
    assert figure("mail_queue_depth") == 2
    assert 600 <= figure("mail_oldest_pending_seconds") < 660
    before = figure("mails_total", result="failed")
    with config.using(nowhere):
        mails.deliver_due()
    assert figure("mails_total", result="failed") == before + 2


def test_ready_is_a_figure(app: Flask) -> None:
    standing.look()
    assert figure("ready") == figure("database_writable") == 1


def test_what_the_database_does_not_give_in_time_is_counted_and_a_statement_of_ours_is_not(app: Flask) -> None:
    before = [figure("database_failures_total", gave_no=each) for each in ("connection", "answer")]
    machine.database_failure(NoConnection("QueuePool limit reached"))
    machine.database_failure(OperationalError("SELECT 1", {}, Exception("no answer")))
    wrong = ProgrammingError("SELEC 1", {}, type("SyntaxError", (Exception,), {})())
    assert machine.database_failure(wrong) is None
    after = [figure("database_failures_total", gave_no=each) for each in ("connection", "answer")]
    assert after == [each + 1 for each in before]


def test_a_storage_of_rate_limits_that_is_lost_is_told_until_it_is_back(app: Flask) -> None:
    class Lost:
        """A storage that fails as long as it is told to."""

        fails = True

        def take(self, key: str, seconds: int, limit: int) -> tuple[int, int, bool]:
            if self.fails:
                raise OSError("gone")
            return 1, clock.now_us(), True

        look = take

    storage = Lost()
    tier = tiers.Tier("redis", storage, 1.0)
    assert tier.ask(lambda each, limit: each.take("k", 60, limit), 5) is None
    assert tier.lost
    assert figure("rate_limit_storage_lost", storage="redis") == 1
    storage.fails, tier._retry_at = False, 0.000001
    assert tier.ask(lambda each, limit: each.take("k", 60, limit), 5) is not None
    assert not tier.lost
    assert figure("rate_limit_storage_lost", storage="redis") == 0


def test_dropped_lines_of_all_processes_are_one_number(app: Flask) -> None:
    before = metrics.lines_dropped()
    metrics.LOG_LINES_DROPPED.inc(3)
    assert metrics.lines_dropped() == before + 3
