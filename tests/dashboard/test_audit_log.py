"""/audit: one's own history, filters in the address, exports for administrators."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from authserver import database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys.keys import Wish
from authserver.domain.people import sessions
from authserver.domain.record import audit
from authserver.observability import context
from tests.conftest import Person
from tests.support import authorizing

Browser = Callable[[], FlaskClient]


def signed_in(browser: Browser, person: Person) -> FlaskClient:
    http = browser()
    authorizing.sign_in(http, person)
    return http


def record(type: str, *, request_id: str = "req1", actor: str = "system", **more: object) -> None:
    with context.using(context.Context(request_id, "10.9.8.7", actor=actor)), database.transaction() as session:
        audit.record(session, type, **more)  # type: ignore[arg-type]


def test_a_person_reads_their_own_history_in_sentences(browser: Browser, alice: Person, bob: Person) -> None:
    http = signed_in(browser, alice)
    api_keys.create(bob.user, Wish("Key of Bob", "read_only"))
    page = http.get("/audit").get_data(as_text=True)
    assert "You signed in" in page
    assert "user.login" in page
    assert "Key of Bob" not in page


def test_an_administrator_reads_everybodys(browser: Browser, bob: Person, ada: Person) -> None:
    api_keys.create(bob.user, Wish("Key of Bob", "read_only"))
    assert "created the key “Key of Bob”" in signed_in(browser, ada).get("/audit").get_data(as_text=True)


FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def test_the_details_hold_names_and_words_and_nothing_empty(browser: Browser, bob: Person, ada: Person) -> None:
    here = context.Context("req1", "10.9.8.7", actor=f"user:{bob.id}", user_agent=FIREFOX)
    with context.using(here), database.transaction() as session:
        audit.record(session, "user.updated", target=f"user:{bob.id}", owner_id=bob.id, before=None, names=[], after=0)
    page = signed_in(browser, ada).get("/audit?about=req1").get_data(as_text=True)
    assert page.count(f'<dd><bdi>{bob.email}</bdi><span class="sub mono">user:{bob.id}</span></dd>') == 1
    assert f'<dd>{bob.email}<span class="sub mono">user:{bob.id}</span></dd>' in page
    assert "One that is not signed in now" in page
    sessions.open(bob.user, amr=["pwd"], ip="", user_agent=FIREFOX)
    assert "Firefox on Linux" in signed_in(browser, ada).get("/audit?about=req1").get_data(as_text=True)
    assert "<dt>After</dt><dd>0</dd>" in page
    assert "<dt>Before</dt>" not in page and "<dt>Names</dt>" not in page


def test_names_and_reasons_are_only_text(browser: Browser, alice: Person) -> None:
    record("api_key.created", owner_id=alice.id, name="<script>alert(1)</script>", reason="<img src=x>", scopes=["<b>"])
    page = signed_in(browser, alice).get("/audit").get_data(as_text=True)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    for tag in ("<script>alert", "<img src=x", "<b>&", "<b></"):
        assert tag not in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("group=keys", True), ("group=sign_ins", False), ("result=refused", False), ("result=ok", True),
        ("about=req42", True), ("about=req43", False), ("from=2001-01-01", True), ("to=2001-01-01", False),
        ("from=2999-01-01", False), ("group=nonsense&result=x&from=yesterday&to=0000-00-00", True),
    ],
)  # fmt: skip
def test_filters_are_in_the_address(browser: Browser, alice: Person, query: str, shown: bool) -> None:
    http = signed_in(browser, alice)
    record("api_key.created", owner_id=alice.id, name="Cellar", request_id="req42")
    assert ("the key “Cellar”" in http.get(f"/audit?{query}").get_data(as_text=True)) == shown


def test_nothing_found_offers_to_clear_the_filters(browser: Browser, alice: Person) -> None:
    page = signed_in(browser, alice).get("/audit?about=nosuchthing").get_data(as_text=True)
    assert "No event fits" in page
    assert "Clear filters" in page


@pytest.mark.parametrize(
    "query", ["page=0", "page=-1", "page=99999999999999999", "limit=0", "limit=999999", "about=%00"]
)
def test_nonsense_in_the_address_breaks_nothing(browser: Browser, alice: Person, query: str) -> None:
    assert signed_in(browser, alice).get(f"/audit?{query}").status_code in {200, 400}


def test_the_page_says_how_far_the_log_was_verified(browser: Browser, ada: Person) -> None:
    http = signed_in(browser, ada)
    assert "Not verified yet" in http.get("/audit").get_data(as_text=True)
    found = audit.verify()
    audit.note_verified(found)
    assert f"Verified up to #{found.seq}" in http.get("/audit").get_data(as_text=True)


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_exports_are_for_administrators(browser: Browser, alice: Person, ada: Person, ending: str) -> None:
    theirs = signed_in(browser, alice)
    assert theirs.get(f"/audit/export.{ending}").status_code == 404
    assert f"export.{ending}" not in theirs.get("/audit").get_data(as_text=True)
    assert signed_in(browser, ada).get(f"/audit/export.{ending}").status_code == 200


def test_an_export_as_json_lines_verifies_by_itself(browser: Browser, ada: Person, alice: Person) -> None:
    api_keys.create(alice.user, Wish("Cellar", "read_only"))
    text = signed_in(browser, ada).get("/audit/export.jsonl").get_data(as_text=True)
    events = [json.loads(line) for line in text.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert all(audit.digest(event) == event["hash"] for event in events)


def test_an_export_holds_what_the_filters_say_and_is_an_event_itself(browser: Browser, ada: Person) -> None:
    http = signed_in(browser, ada)
    record("signing_key.rotated")
    answer = http.get("/audit/export.jsonl?group=server")
    assert {json.loads(line)["type"] for line in answer.get_data(as_text=True).splitlines()} <= {
        "signing_key.rotated", "audit.exported",
    }  # fmt: skip
    assert audit.page(limit=1)[0][0].data["filters"] == {"group": "server"}


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_an_export_has_a_name_of_ours(browser: Browser, ada: Person, ending: str) -> None:
    http = signed_in(browser, ada)
    answer = http.get(f'/audit/export.{ending}?name=evil.exe&filename="x"&about=%0d%0aX: y"')
    said = answer.headers["Content-Disposition"]
    assert re.fullmatch(rf'attachment; filename="audit-\d{{8}}-\d{{6}}\.{ending}"', said)
    assert http.get("/audit/export.exe").status_code == 404


def test_no_cell_of_a_csv_is_a_formula(browser: Browser, ada: Person) -> None:
    http = signed_in(browser, ada)
    record("scope.created", target="=HYPERLINK(1)", reason="@SUM(1)", actor="+1")
    rows = list(csv.DictReader(io.StringIO(http.get("/audit/export.csv").get_data(as_text=True))))
    row = next(row for row in rows if "HYPERLINK" in row["target"])
    assert (row["target"], row["reason"], row["actor"]) == ("'=HYPERLINK(1)", "'@SUM(1)", "'+1")


def test_an_unknown_export_is_not_found(browser: Browser, ada: Person) -> None:
    assert signed_in(browser, ada).get("/audit/export.xml").status_code == 404


@pytest.mark.parametrize("path", ["/audit", "/audit/export.csv"])
def test_nobody_reads_it_without_signing_in(http: FlaskClient, path: str) -> None:
    assert http.get(path).headers["Location"].startswith("/login?")
