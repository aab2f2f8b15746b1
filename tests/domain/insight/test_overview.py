"""The first page's figures belong to whoever looks; the checklist tells what is missing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from authserver import config, database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.clients import clients
from authserver.domain.clients.metadata import Registration
from authserver.domain.ground import last_runs, usage
from authserver.domain.insight import overview
from authserver.domain.limits import tiers
from authserver.domain.people import users
from authserver.domain.record import audit
from authserver.domain.running import readiness, set_aside
from authserver.lib import clock
from authserver.observability import metrics
from tests.conftest import PASSWORD, Person
from tests.support import given_up


@pytest.fixture(autouse=True)
def _nothing_gathered(app: Flask) -> None:
    usage._counts.clear()


def test_a_person_sees_the_figures_of_their_own_apps(app: Flask, alice: Person, bob: Person, ada: Person) -> None:
    mine, _ = clients.register(alice.user, Registration(name="Notes", kind="machine"))
    for subject, number in ((f"client:{mine.id}", 3), ("client:other", 40), ("", 500)):
        usage.count(usage.TOKENS, subject, number)
        usage.count(usage.REFUSALS, subject, number)
        usage.count(usage.INTROSPECTIONS, subject, number)
    usage.flush()
    own, everything, none = overview.of(alice.user), overview.of(ada.user), overview.of(bob.user)
    assert (own.tokens, own.checks, own.refusals, own.apps) == (3, 3, 3, 1)
    assert (everything.tokens, everything.checks, everything.refusals) == (543, 543, 543)
    assert (none.tokens, none.apps, sum(count for _, count in none.per_day)) == (0, 0, 0)


def test_yesterday_and_today_do_not_overlap(app: Flask, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.now() // 3600 * 3600 + 1800
    for hours, number in ((0, 1), (23, 10), (24, 100), (47, 1000), (48, 10_000)):
        monkeypatch.setattr(clock, "now", lambda hours=hours: now - hours * 3600)
        usage.count(usage.TOKENS, "", number)
    monkeypatch.setattr(clock, "now", lambda: now)
    usage.flush()
    figures = overview.of(ada.user)
    assert (figures.tokens, figures.tokens_before) == (11, 1100)


def test_failed_sign_ins_are_those_of_the_last_day(app: Flask, alice: Person, bob: Person, ada: Person) -> None:
    for owner in (alice.id, bob.id, None):
        with database.transaction() as session:
            audit.record(session, "user.login_failed", owner_id=owner, result="refused")
    assert overview.of(alice.user).failed_sign_ins == 1
    assert overview.of(ada.user).failed_sign_ins == 3


def test_only_keys_that_work_are_counted(app: Flask, alice: Person) -> None:
    api_keys.create(alice.user, api_keys.Wish("a", "read_only"))
    gone, _ = api_keys.create(alice.user, api_keys.Wish("b", "read_only"))
    api_keys.revoke(alice.id, gone.id)
    assert overview.of(alice.user).keys == 1


def done() -> set[str]:
    return {item.title for item in readiness.checklist() if item.done}


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"issuer": "https://id.example.test"}, "Issuer over https"),
        ({"smtp_url": "smtp://mail.example.test:25"}, "Mail"),
    ],
)
def test_the_checklist_follows_the_settings(app: Flask, changes: dict[str, Any], title: str) -> None:
    assert title not in done()
    with config.using(dataclasses.replace(config.current(), **changes)):
        assert title in done()


def test_the_demo_is_not_production(app: Flask) -> None:
    assert "Own data" in done()
    with config.using(dataclasses.replace(config.current(), demo=True)):
        assert "Own data" not in done()


def test_a_second_administrator_counts_while_enabled(app: Flask, ada: Person) -> None:
    assert "Second admin" not in done()
    second = users.create("second@example.test", "Second", "admin", PASSWORD)
    assert "Second admin" in done()
    users.disable(second.id)
    assert "Second admin" not in done()


def test_signing_keys_that_nobody_rotates_show(
    app: Flask, monkeypatch: pytest.MonkeyPatch, statements: Callable[[], Any]
) -> None:
    assert "Fresh signing keys" in done()
    later = clock.now() + 200 * 86_400
    monkeypatch.setattr(clock, "now", lambda: later)
    assert "Fresh signing keys" not in done()


@pytest.mark.parametrize(("name", "title"), [("retention", "Worker"), ("backup", "Backup")])
def test_what_was_not_done_for_long_shows(app: Flask, monkeypatch: pytest.MonkeyPatch, name: str, title: str) -> None:
    assert title not in done()
    last_runs.note(name)
    assert title in done()
    later = clock.now() + last_runs.OLDEST[name] + 1
    monkeypatch.setattr(clock, "now", lambda: later)
    assert title not in done()


def test_a_lost_storage_of_rate_limits_and_dropped_lines_show(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Counting together" in done()
    monkeypatch.setattr(tiers.tiers()[0], "_retry_at", 1.0)
    assert "Counting together" not in done()
    metrics.LOG_LINES_DROPPED.inc()
    assert "Whole log" not in done()


def test_work_that_was_given_up_shows_with_the_page_where_it_is_tried_again(app: Flask) -> None:
    assert "Everything sent" in done()
    given_up.mail("mailX")
    (item,) = (each for each in readiness.checklist() if each.title == "Everything sent")
    assert (item.done, item.page) == (False, "/admin/set-aside")
    assert "1 mail." in item.advice
    set_aside.try_again("mailX")
    assert "Everything sent" in done()
