"""/usage: the same buckets that the limits count in, and the counters that they feed."""

from __future__ import annotations

import pytest
from flask import Flask

from authserver.domain.api_keys import keys as api_keys
from authserver.domain.clients import clients
from authserver.domain.clients.metadata import Registration
from authserver.domain.ground import usage
from authserver.domain.insight import limits_in_use
from authserver.domain.insight.limits_in_use import Holder, Report
from authserver.domain.limits import rate_limits
from authserver.errors import Invalid, NotFound
from authserver.lib import clock
from tests.conftest import Person


@pytest.fixture(autouse=True)
def _nothing_gathered(app: Flask) -> None:
    usage._counts.clear()


def holder(report: Report, name: str) -> Holder:
    return next(each for each in report.holders if each.name == name)


def test_a_key_shows_what_its_window_has_used(app: Flask, alice: Person) -> None:
    row, _ = api_keys.create(alice.user, api_keys.Wish("CI", "read_only", rate_limit="5/hour"))
    for _ in range(7):
        state = rate_limits.consume(rate_limits.API_KEY, f"key:{row.id}", "5/hour", subject=f"key:{row.id}")
    found = holder(limits_in_use.report(alice.user), "CI")
    (limit,) = found.limits
    assert (limit.used, limit.state.limit, found.resets_at) == (5, 5, state.reset_at)
    assert (found.figures.requests, found.figures.refused) == (5, 2)


def test_looking_takes_nothing(app: Flask, alice: Person) -> None:
    api_keys.create(alice.user, api_keys.Wish("CI", "read_only"))
    for _ in range(3):
        found = holder(limits_in_use.report(alice.user), "CI")
    assert found.limits[0].used == 0 and found.resets_at is None


def test_an_app_has_a_limit_for_each_credential_it_can_get(app: Flask, alice: Person, bob: Person) -> None:
    machine, _ = clients.register(alice.user, Registration(name="Job", kind="machine"))
    rate_limits.consume(rate_limits.OAUTH, f"client:{machine.id}:{machine.id}", "1000/hour")
    uris = ("https://notes.example.com/callback",)
    clients.register(alice.user, Registration(name="Notes", kind="web", redirect_uris=uris))
    clients.register(alice.user, Registration(name="Gate", kind="resource_server"), trusted=True)
    report = limits_in_use.report(alice.user)
    assert [(each.title, each.used) for each in holder(report, "Job").limits] == [("Tokens of its own", 1)]
    assert [each.title for each in holder(report, "Notes").limits] == ["Busiest person"]
    assert report.total == 2  # an API of its own gets no credentials, so nothing limits it
    assert limits_in_use.report(bob.user).total == 0


def test_the_busiest_hour_is_told_and_what_was_refused_in_a_day(
    app: Flask, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, _ = api_keys.create(alice.user, api_keys.Wish("CI", "read_only", expires_in=None))
    now = clock.now() // 3600 * 3600 + 60
    for hours, requests, refused in ((0, 3, 1), (5, 40, 0), (30, 90, 10), (24 * 15, 900, 100)):
        monkeypatch.setattr(clock, "now", lambda hours=hours: now - hours * 3600)
        usage.count(rate_limits.REQUESTS, f"key:{row.id}", requests)
        usage.count(rate_limits.REFUSED, f"key:{row.id}", refused)
    monkeypatch.setattr(clock, "now", lambda: now)
    figures = holder(limits_in_use.report(alice.user), "CI").figures
    assert (figures.requests, figures.refused) == (43, 1)
    assert (figures.peak, figures.peak_at) == (90, now - 60 - 30 * 3600)


def test_an_administrator_sees_everybodys_and_who_was_refused_most(app: Flask, alice: Person, ada: Person) -> None:
    calm, _ = api_keys.create(alice.user, api_keys.Wish("Calm", "read_only"))
    wild, _ = api_keys.create(alice.user, api_keys.Wish("Wild", "read_only"))
    usage.count(rate_limits.REFUSED, f"key:{calm.id}", 1)
    usage.count(rate_limits.REFUSED, f"key:{wild.id}", 70)
    report = limits_in_use.report(ada.user)
    assert report.offenders == [("Wild", 70), ("Calm", 1)] and report.refused == 71
    assert limits_in_use.report(alice.user).offenders == []


def test_the_busiest_come_first_and_a_page_has_its_end(app: Flask, alice: Person) -> None:
    rows = [api_keys.create(alice.user, api_keys.Wish(name, "read_only"))[0] for name in ("a", "b", "c")]
    usage.count(rate_limits.REQUESTS, f"key:{rows[1].id}", 9)
    first = limits_in_use.report(alice.user, page=1, limit=2)
    second = limits_in_use.report(alice.user, page=2, limit=2)
    assert [each.name for each in (*first.holders, *second.holders)] == ["b", "a", "c"]
    assert first.total == second.total == 3


def test_a_changed_limit_is_written_down_and_counts_from_now_on(app: Flask, alice: Person, mallory: Person) -> None:
    row, key = api_keys.create(alice.user, api_keys.Wish("CI", "read_only"))
    with pytest.raises(NotFound):
        api_keys.set_limit(mallory.id, row.id, "9/hour")
    with pytest.raises(Invalid):
        api_keys.set_limit(alice.id, row.id, "many")
    api_keys.set_limit(alice.id, row.id, "9/hour")
    facts = api_keys.check(key, "127.0.0.1")
    assert facts is not None and facts.rate_limit == "9/hour"
    assert holder(limits_in_use.report(alice.user), "CI").limits[0].state.limit == 9
