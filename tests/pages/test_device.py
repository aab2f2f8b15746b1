"""The page where a person types a device's code (RFC 8628 sections 3.3 and 5.4; class C33)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import select, update

from authserver import database
from authserver.domain.ground import cache
from authserver.lib import clock
from authserver.models import AuditEvent, Client, Consent, DeviceAuthorization, Grant
from tests.conftest import Person
from tests.support import authorizing, devices, forms, protocol
from tests.support.devices import begun, press, typed
from tests.support.protocol import App

WRONG = "That code is wrong or has expired. Check your device for the current one."


@pytest.fixture
def television(app: Any, bob: Person) -> App:
    return devices.register(owner_id=bob.id)


@pytest.fixture
def hers(http: FlaskClient, alice: Person) -> FlaskClient:
    authorizing.sign_in(http, alice)
    return http


def rows(model: Any) -> list[Any]:
    with database.reading() as session:
        return list(session.scalars(select(model)))


def text_of(page: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


def unanswered() -> bool:
    return all(row.answered_at is None for row in rows(DeviceAuthorization)) and not rows(Grant)


def test_nobody_gets_to_it_without_signing_in_and_the_code_stays(television: App, http: FlaskClient) -> None:
    code = begun(television)["user_code"]
    answer = http.get(f"/device?user_code={code}")
    assert answer.status_code == 303
    back = parse_qs(urlsplit(answer.location).query)["next"]
    assert (urlsplit(answer.location).path, back) == ("/login", [f"/device?user_code={code}"])


def test_it_says_which_app_asks_from_where_since_when_and_for_what(television: App, hers: FlaskClient) -> None:
    """Section 5.4: enough to notice that it is somebody else's device."""
    code = begun(television, headers={"user-agent": "curl/8.5"})["user_code"]
    text = text_of(typed(hers, code))
    for part in (
        "A device wants to use Television as you", "Registered by bob@example.test", code,
        "Does your device show this code?", "Only if you started this yourself.", "192.0.2.7", "just now",
        "The device has another address than this browser.", "alice@example.test", "Switch account",
        "See your workflows and their runs", "alice@example.test",
    ):  # fmt: skip
        assert part in text, part


def test_an_app_of_a_document_is_called_by_the_host_that_is_sure(television: App, hers: FlaskClient) -> None:
    """As on consent: the name is what the app calls itself."""
    code = begun(television)["user_code"]
    with database.transaction() as session:
        session.execute(update(Client).values(document_url="https://tv.example/app.json", self_registered=True))
        cache.touch(session, "clients", [television.id])
    page = typed(hers, code)
    text = text_of(page)
    assert "A device wants to use tv.example as you" in text and "Known by its address tv.example" in text
    assert "It calls itself “ Television ”." in text
    assert "tv.example goes on by itself" in text_of(press(hers, page, action="allow"))


def test_a_link_with_the_code_submits_nothing_by_itself(television: App, hers: FlaskClient) -> None:
    """Section 3.3.1: the person still compares, and presses a button."""
    said = begun(television)
    page = hers.get(urlsplit(said["verification_uri_complete"])._replace(scheme="", netloc="").geturl())
    assert page.status_code == 200 and said["user_code"] in text_of(page)
    assert "Does your device show this code?" in text_of(page)
    assert unanswered() and devices.poll(television, said["device_code"]).error[1] == "authorization_pending"


@pytest.mark.parametrize("spelled", [str.lower, lambda code: code.replace("-", ""), lambda code: f"  {code} "])
def test_the_code_is_taken_as_people_type_it(television: App, hers: FlaskClient, spelled: Callable[[str], str]) -> None:
    code = begun(television)["user_code"]
    assert "Does your device show this code?" in typed(hers, spelled(code)).text


def test_allowing_tells_that_the_window_can_be_closed_and_is_recorded(
    television: App, hers: FlaskClient, alice: Person
) -> None:
    said = begun(television)
    done = devices.answer(hers, said["user_code"])
    assert done.status_code == 200 and "You can close this window." in text_of(done)
    (consent,), (grant,) = rows(Consent), rows(Grant)
    assert (consent.user_id, consent.client_id) == (alice.id, television.id)
    assert (grant.user_id, grant.session_id, grant.amr) == (alice.id, None, ["pwd"])
    (event,) = [row for row in rows(AuditEvent) if row.type == "consent.granted"]
    assert (event.actor, event.client_id) == (f"user:{alice.id}", television.id)
    assert (event.data["flow"], event.data["asked_from"]) == ("device", "192.0.2.7")


def test_denying_shares_nothing_and_is_recorded(television: App, hers: FlaskClient) -> None:
    done = devices.answer(hers, begun(television)["user_code"], "deny")
    assert "Nothing was shared" in text_of(done)
    assert not rows(Consent) and not rows(Grant)
    assert [row.data["flow"] for row in rows(AuditEvent) if row.type == "consent.denied"] == ["device"]


def test_a_second_answer_changes_nothing(television: App, hers: FlaskClient) -> None:
    page = typed(hers, begun(television)["user_code"])
    assert press(hers, page, "deny").status_code == 200
    again = press(hers, page, "allow")
    assert again.status_code == 409 and "Already answered" in again.text
    assert not rows(Grant)


def test_every_device_is_asked_about(television: App, hers: FlaskClient) -> None:
    for _ in range(2):
        said = begun(television)
        assert "Does your device show this code?" in typed(hers, said["user_code"]).text
        devices.answer(hers, said["user_code"])
        assert devices.poll(television, said["device_code"]).status == 200
    assert len(rows(Grant)) == 2


# What makes no progress.


@pytest.mark.parametrize("action", [[], [""], ["ask"], ["allow", "deny"], ["Allow"], ["yes"]])
def test_without_one_clear_answer_the_page_comes_again(television: App, hers: FlaskClient, action: list[str]) -> None:
    page = typed(hers, begun(television)["user_code"])
    again = press(hers, page, action=action)
    assert again.status_code == 200 and "Does your device show this code?" in again.text
    assert unanswered()


def test_what_was_not_shown_cannot_be_allowed(television: App, hers: FlaskClient) -> None:
    """Class C19: the step that shows who asks is not skipped."""
    code, sent = begun(television)["user_code"], {"csrf_token": forms.token(hers, "device.answer")}
    answer = hers.post("/device", data=sent | {"user_code": code, "action": "allow"})
    assert answer.status_code == 200 and "Does your device show this code?" in answer.text
    assert unanswered()


def test_what_was_shown_to_another_person_cannot_be_allowed(
    television: App, hers: FlaskClient, browser: Callable[[], FlaskClient], mallory: Person
) -> None:
    code = begun(television)["user_code"]
    page, theirs = typed(hers, code), browser()
    authorizing.sign_in(theirs, mallory)
    typed(theirs, code)
    assert "Does your device show this code?" in press(hers, page).text
    assert unanswered()


def test_without_the_token_of_the_form_nothing_is_answered(television: App, hers: FlaskClient) -> None:
    page = typed(hers, begun(television)["user_code"])
    assert press(hers, page, csrf_token="").status_code == 400
    sent, elsewhere = devices.form(page) | {"action": "allow"}, {"Sec-Fetch-Site": "cross-site"}
    assert hers.post("/device", data=sent, headers=elsewhere).status_code in {400, 403}
    assert unanswered()


def test_an_answer_needs_a_fresh_proof_and_the_code_comes_along(
    television: App, http: FlaskClient, alice: Person
) -> None:
    authorizing.sign_in(http, alice, auth_time=clock.now() - 301)
    code = begun(television)["user_code"]
    answer = http.get(f"/device?user_code={code}")
    assert answer.location.startswith("/login/confirm?next=")
    page = forms.submit(http, answer.location, "/login/confirm", password=alice.password)
    assert page.status_code == 303 and page.location == f"/device?user_code={code}"


def test_nothing_ticked_is_no_answer(television: App, hers: FlaskClient) -> None:
    protocol.change(television, optional_scopes=["workflows:read"])
    page = typed(hers, begun(television, scope="workflows:read")["user_code"])
    again = press(hers, page, scope=[])
    assert again.status_code == 422 and "Tick at least one thing" in again.text
    assert unanswered()


def test_an_app_that_changed_meanwhile_is_shown_again(television: App, hers: FlaskClient) -> None:
    page = typed(hers, begun(television)["user_code"])
    protocol.change(television, version=2)
    again = press(hers, page)
    assert again.status_code == 422 and "The app changed while you were reading." in again.text
    assert unanswered()


@pytest.mark.parametrize(
    "change", [{"disabled_at": 1}, {"grant_types": ["authorization_code"]}, {"scopes": ["profile"]}]
)
def test_an_app_that_was_stopped_meanwhile_gets_nothing(
    television: App, hers: FlaskClient, change: dict[str, Any]
) -> None:
    page = typed(hers, begun(television)["user_code"])
    protocol.change(television, **change)
    assert press(hers, page).status_code == 400
    assert unanswered()


def test_one_that_registered_itself_is_marked(television: App, hers: FlaskClient) -> None:
    protocol.change(television, self_registered=True)
    text = text_of(typed(hers, begun(television)["user_code"]))
    assert "Unverified" in text and "The name is what it calls itself." in text


# Guessing (section 5.1).

HOSTILE = [
    "",
    "   ",
    "x",
    "BCDF-GHJK",
    "BCDFGHJKL",
    "A" * 5000,
    "'\"><script>alert(1)</script>",
    "\u2603" * 8,
]


@pytest.mark.parametrize("code", HOSTILE)
def test_a_wrong_code_is_told_in_one_sentence(hers: FlaskClient, code: str) -> None:
    page = typed(hers, code)
    assert page.status_code == 422 and WRONG in page.text
    assert "<script>alert" not in page.text


def test_so_is_one_that_expired_and_one_that_somebody_else_answered(
    television: App, hers: FlaskClient, browser: Callable[[], FlaskClient], bob: Person
) -> None:
    theirs = browser()
    authorizing.sign_in(theirs, bob)
    answered = begun(television)["user_code"]
    devices.answer(theirs, answered)
    assert WRONG in typed(hers, answered).text
    late = begun(television)["user_code"]
    with time_machine.travel(clock.now() + 601):
        authorizing.sign_in(hers, Person(bob.user))
        assert WRONG in typed(hers, late).text


def test_after_five_wrong_codes_a_person_waits_and_the_right_one_does_not_help(
    television: App, hers: FlaskClient, browser: Callable[[], FlaskClient], bob: Person
) -> None:
    code = begun(television)["user_code"]
    for _ in range(5):
        assert typed(hers, "BCDF-GHJK").status_code == 422
    refused = typed(hers, code)
    assert refused.status_code == 429 and int(refused.headers["Retry-After"]) > 0
    theirs = browser()
    authorizing.sign_in(theirs, bob)
    assert "Does your device show this code?" in typed(theirs, code).text, "others go on"


def test_right_codes_are_not_counted(television: App, hers: FlaskClient) -> None:
    for _ in range(8):
        assert devices.answer(hers, begun(television)["user_code"]).status_code == 200


def test_the_page_may_not_be_framed_or_kept(television: App, hers: FlaskClient) -> None:
    page = typed(hers, begun(television)["user_code"])
    policy = page.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy and "form-action 'self'" in policy
    assert page.headers["Cache-Control"] == "no-store"
