"""Lists that are longer than anybody reads: pages by cursors, counts to a thousand, and every address answered."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert

from authserver import database
from authserver.domain.ground import usage
from authserver.domain.insight import limits_in_use, usage_reports
from authserver.domain.limits import rate_limits
from authserver.lib import clock, secrets
from authserver.models import ApiKey, Client, Consent, Grant, SignInSession
from tests.conftest import Person
from tests.support import forms

Browser = Callable[[], FlaskClient]
LISTS = ("/admin/users", "/admin/clients", "/apps", "/settings/api-keys", "/settings/api-keys?whose=all", "/audit",
         "/webhooks", "/errors", "/usage", "/connected-apps")  # fmt: skip


@pytest.fixture
def admins(browser: Browser, ada: Person) -> FlaskClient:
    return signed_in(browser, ada)


def signed_in(browser: Browser, person: Person) -> FlaskClient:
    http = browser()
    assert forms.sign_in(http, person.email, person.password).status_code == 303
    return http


def make_keys(owner: Person, count: int) -> None:
    rows = [
        {
            "id": f"key_{owner.id}{number:05}", "digest": secrets.random_bytes(32), "hint": "kaie_ak_…",
            "name": f"Key {number:05}", "note": "", "owner_id": owner.id, "permission": "read_only",
            "allowed_networks": [], "created_at": clock.now() - number, "last_used_ip": "",
        }
        for number in range(count)
    ]  # fmt: skip
    with database.transaction() as session:
        session.execute(insert(ApiKey), rows)


def make_app(owner: Person, id: str, **more: Any) -> None:
    now = clock.now()
    with database.transaction() as session:
        session.add(Client(id=id, name=f"App {id}", kind="web", owner_id=owner.id, created_at=now, updated_at=now,
                           grant_types=["authorization_code"], **more))  # fmt: skip


def link(page: str, word: str) -> str:
    """The address behind a link of the pages' row."""
    found = re.search(rf'<a class="btn"[^>]* href="([^"]+)">{word}</a>', page)
    assert found, word
    return found[1].replace("&amp;", "&")


def test_a_list_of_a_thousand_and_more_leads_on_and_back(admins: FlaskClient, alice: Person) -> None:
    make_keys(alice, 1100)
    first = admins.get("/settings/api-keys?whose=all&limit=50").text
    assert "1–50 of 1,000+" in first and ">Previous</a>" not in first and ">First</a>" not in first
    second = admins.get(link(first, "Next")).text
    assert "51–100 of 1,000+" in second and "Key 00050" in second and "Key 00049" not in second
    assert admins.get(link(second, "Previous")).text.count("Key 00049") == first.count("Key 00049")
    assert "1–50 of 1,000+" in admins.get(link(admins.get(link(second, "Next")).text, "First")).text


def test_the_last_page_has_no_next(admins: FlaskClient, alice: Person) -> None:
    make_keys(alice, 30)
    second = admins.get(link(admins.get("/settings/api-keys?whose=all").text, "Next")).text
    assert "21–30 of 30" in second and ">Next</a>" not in second


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("query", [f"page={10**20}", "page=5000", "page=-1", "page=x&limit=x"])
def test_a_page_beyond_the_end_is_one_of_nothing(admins: FlaskClient, path: str, query: str) -> None:
    assert admins.get(f"{path}{'&' if '?' in path else '?'}{query}").status_code == 200


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("query", ["after=nonsense", "before=AAAA", "after=" + "A" * 300, "after=é"])
def test_a_cursor_that_is_none_is_refused_in_a_sentence(admins: FlaskClient, path: str, query: str) -> None:
    answer = admins.get(f"{path}{'&' if '?' in path else '?'}{query}")
    assert answer.status_code == 422
    assert "Begin at its first page" in answer.text


def test_a_cursor_of_another_list_is_refused(admins: FlaskClient, alice: Person) -> None:
    make_keys(alice, 30)
    cursor = link(admins.get("/settings/api-keys?whose=all").text, "Next").partition("after=")[2]
    assert admins.get(f"/admin/users?after={cursor}").status_code == 422


def test_usage_ranks_the_busiest_where_there_are_too_many(
    admins: FlaskClient, ada: Person, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits_in_use, "MOST", 10)
    make_keys(alice, 12)
    calm, busy = f"key:key_{alice.id}00003", f"key:key_{alice.id}00011"
    usage.count(rate_limits.REQUESTS, calm, 2)
    usage.count(rate_limits.REQUESTS, busy, 9)
    report = limits_in_use.report(ada.user)
    assert [each.name for each in report.holders] == ["Key 00011", "Key 00003"]
    assert not report.everything
    page = admins.get("/usage").text
    assert "busiest in the last 24 hours" in page and "1,000+" in page
    assert [count for _, count in report.per_day][-1] == 11


def test_everybodys_figures_are_those_of_all_subjects_together(admins: FlaskClient, alice: Person) -> None:
    for subject, number in (("client:a", 3), ("client:b", 4), ("", 5)):
        usage.count(usage.TOKENS, subject, number)
    usage.flush()
    usage.count(usage.TOKENS, "client:a", 30)
    usage.flush()
    assert usage.total(usage.TOKENS, since=clock.now()) == 42
    assert usage_reports.per_day(None, days=1)[0][1][usage.TOKENS] == 42


def test_connected_apps_have_pages_and_earlier_ones_their_count(browser: Browser, alice: Person, bob: Person) -> None:
    now = clock.now()
    for number in range(25):
        make_app(bob, f"cl_{number:03}")
        gone = now if number >= 22 else None
        with database.transaction() as session:
            session.add(Consent(id=f"cns{number}", user_id=alice.id, client_id=f"cl_{number:03}", revoked_at=gone,
                                granted={"": ["openid"]}, granted_at=now - number, updated_at=now))  # fmt: skip
    hers = signed_in(browser, alice)
    first = hers.get("/connected-apps").text
    assert "1–20 of 22" in first and "App cl_019" in first and "App cl_020" not in first
    assert "Earlier apps (3)" in first and "Revoke all" in first
    second = hers.get(link(first, "Next")).text
    assert "21–22 of 22" in second and "App cl_020" in second and "Earlier apps" not in second


def test_an_app_of_many_sign_ins_says_a_thousand_and_more(
    browser: Browser, alice: Person, statements: Callable[[], Any]
) -> None:
    make_app(alice, "cl_busy")
    now = clock.now()
    rows = [
        {"id": f"gr{number}", "client_id": "cl_busy", "user_id": alice.id, "scopes": [], "auth_time": now,
         "created_at": now - number, "expires_at": now + 900, "last_used_at": now - 50 if number == 7 else None}
        for number in range(1050)
    ]  # fmt: skip
    with database.transaction() as session:
        session.execute(insert(Grant), rows)
    page = signed_in(browser, alice).get("/apps/cl_busy").text
    assert "1,000+ live sign-ins" in page and "<b>1+</b>" in page


def test_sessions_name_their_apps_in_one_statement(
    browser: Browser, alice: Person, statements: Callable[[], Any]
) -> None:
    make_app(alice, "cl_one")
    hers, now = signed_in(browser, alice), clock.now()
    with database.transaction() as session:
        [mine] = session.query(SignInSession.id).filter_by(user_id=alice.id).all()
        rows = [
            {"id": f"gr{number}", "client_id": "cl_one", "user_id": alice.id, "session_id": mine.id, "scopes": [],
             "auth_time": now, "created_at": now, "expires_at": now + 900}
            for number in range(40)
        ]  # fmt: skip
        session.execute(insert(Grant), rows)
    with statements() as sent:
        assert "App cl_one" in hers.get("/settings/sessions").text
    assert len(sent) < 8
