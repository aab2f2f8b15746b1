"""/login: what it shows, what it takes, where it goes on, and what it never tells."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from authserver.domain.api_keys import keys as api_keys
from authserver.domain.ground import mails
from authserver.domain.people import departures, links, sessions, sign_ins, users
from authserver.domain.people.credentials import passwords
from authserver.domain.record import audit
from tests.conftest import PASSWORD, Person
from tests.support import forms

Browser = Callable[[], FlaskClient]
NONCES = re.compile(r'nonce="[^"]+"|name="csrf_token" value="[^"]+"|req[0-9A-Za-z]{20}|value="[^"]*@example\.test"')


@pytest.fixture
def overrides() -> dict[str, object]:
    return {"demo": True, "login_failures_per_account": 4, "login_failures_per_address": 12}


def signed_in(http: FlaskClient) -> bool:
    return http.get("/settings/profile").status_code == 200


def session_cookie(http: FlaskClient) -> str:
    cookie = http.get_cookie("authserver_session")
    return cookie.value if cookie else ""


def test_the_form_is_one_that_password_managers_understand(http: FlaskClient) -> None:
    response = http.get("/login")
    html = response.get_data(as_text=True)
    assert response.status_code == 200
    assert '<label for="email">Email</label>' in html
    assert re.search(r'<input[^>]*autocomplete="username webauthn"[^>]*name="email"', html)
    assert re.search(r'<input[^>]*autocomplete="current-password"[^>]*name="password"[^>]*type="password"', html)
    assert "onpaste" not in html
    assert "Forgot password?" in html
    assert "Create account" not in html


def test_the_right_password_signs_in_and_leads_to_the_dashboard(http: FlaskClient, alice: Person) -> None:
    response = forms.sign_in(http, alice.email, PASSWORD)
    assert (response.status_code, response.location) == (303, "/")
    assert signed_in(http)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"email": "", "password": "x"}, "Enter your email."),
        ({"email": "alice@example.test", "password": ""}, "Enter your password."),
        ({"email": "alice", "password": "x"}, "Enter one email address"),
        ({"email": "al ice@example.test", "password": "x"}, "no spaces"),
    ],
)
def test_a_field_that_is_wrong_says_so_beside_itself(http: FlaskClient, fields: dict[str, str], message: str) -> None:
    response = forms.submit(http, "/login", **fields)
    html = response.get_data(as_text=True)
    assert response.status_code == 422
    assert message in html
    assert "<title>Error – " in html
    assert 'role="alert"' in html
    assert 'aria-invalid="true"' in html


@pytest.mark.parametrize("parts", [{}, {"email": "alice@example.test"}, {"password": PASSWORD}])
def test_an_empty_or_partial_post_makes_no_progress(http: FlaskClient, alice: Person, parts: dict[str, str]) -> None:
    form = forms.form_on(http.get("/login").get_data(as_text=True), "/login")
    token = {"csrf_token": form.values["csrf_token"]}
    assert http.post("/login", data=token | parts).status_code == 422
    assert not signed_in(http)


def test_a_wrong_password_keeps_the_name_and_forgets_the_password(http: FlaskClient, alice: Person) -> None:
    response = forms.sign_in(http, alice.email, "not it at all")
    html = response.get_data(as_text=True)
    assert response.status_code == 422
    assert "That email and password don&#39;t match." in html
    assert f'value="{alice.email}"' in html
    assert "not it at all" not in html


def test_nobody_learns_who_has_an_account(browser: Browser, alice: Person, bob: Person) -> None:
    users.create("invited@example.test")
    users.disable(bob.id)
    answers = set()
    for email in (alice.email, bob.email, "invited@example.test", "nobody@example.test"):
        response = forms.sign_in(browser(), email, "not it at all")
        headers = sorted((name, NONCES.sub("", value)) for name, value in response.headers if name != "X-Request-Id")
        headers = [(name, re.sub(r"nonce-[\w-]+", "", value)) for name, value in headers if name != "Content-Length"]
        answers.add((response.status_code, NONCES.sub("", response.get_data(as_text=True)), str(headers)))
    assert len(answers) == 1


def test_throttled_says_how_long_with_a_reset_link_and_the_same_for_unknown_names(
    browser: Browser, alice: Person
) -> None:
    with time_machine.travel("2026-11-24 12:00:00Z", tick=False):
        answers = set()
        for email in (alice.email, "nobody@example.test"):
            for _ in range(4):
                forms.sign_in(browser(), email, "not it at all")
            response = forms.sign_in(browser(), email, PASSWORD)
            html = response.get_data(as_text=True)
            assert response.status_code == 429
            assert response.headers["Retry-After"] == "900"
            assert "Too many attempts. Try again in 15 min." in html
            assert 'value="forgot">Forgot password?' in html
            answers.add(NONCES.sub("", html))
    assert len(answers) == 1


def test_an_attacker_does_not_keep_alice_out_of_her_own_browser(browser: Browser, alice: Person) -> None:
    hers = browser()
    forms.sign_in(hers, alice.email, PASSWORD)
    forms.submit(hers, "/logout", "/logout")
    for _ in range(6):
        forms.sign_in(browser(), alice.email, "guess")
    assert forms.sign_in(browser(), alice.email, PASSWORD).status_code == 429
    assert forms.sign_in(hers, alice.email, PASSWORD).status_code == 303


def test_a_forged_forwarding_header_is_no_other_address(browser: Browser, app: Flask) -> None:
    statuses = []
    for number in range(14):
        http = browser()
        form = forms.form_on(http.get("/login").get_data(as_text=True), "/login")
        data = {**form.values, "email": f"person{number}@example.test", "password": "guess"}
        statuses.append(http.post("/login", data=data, headers={"X-Forwarded-For": f"203.0.113.{number}"}).status_code)
    assert statuses == [422] * 12 + [429] * 2


def test_a_disabled_account_says_so_after_the_right_password_alone(browser: Browser, alice: Person) -> None:
    users.disable(alice.id)
    assert "disabled" not in forms.sign_in(browser(), alice.email, "wrong").get_data(as_text=True)
    response = forms.sign_in(browser(), alice.email, PASSWORD)
    assert response.status_code == 403
    assert "This account is disabled." in response.get_data(as_text=True)


@pytest.mark.parametrize("end", [users.disable, departures.delete])
def test_who_is_stopped_while_they_sign_in_is_told_like_one_who_was_stopped_before(
    http: FlaskClient, alice: Person, monkeypatch: pytest.MonkeyPatch, end: Callable[[str], object]
) -> None:
    monkeypatch.setattr(sign_ins, "note_sign_in", lambda *_given: end(alice.id))
    response = forms.sign_in(http, alice.email, PASSWORD)
    assert response.status_code == 403 and "This account is disabled." in response.get_data(as_text=True)
    assert http.get("/settings/profile").status_code == 303
    assert sessions.list_for(alice.id) == []


def test_an_open_session_ends_when_its_person_is_disabled(http: FlaskClient, alice: Person) -> None:
    forms.sign_in(http, alice.email, PASSWORD)
    users.disable(alice.id)
    assert not signed_in(http)


@pytest.mark.parametrize("path", ["/settings/sessions", "/settings/profile?tab=1", "/"])
def test_next_leads_back_to_a_page_of_ours(http: FlaskClient, alice: Person, path: str) -> None:
    response = forms.sign_in(http, alice.email, PASSWORD, page=f"/login?next={path}")
    assert response.location == path


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.test/", "//evil.test/", "/\\evil.test", "\\\\evil.test", "/%09/evil.test", "javascript:alert(1)",
        "evil.test", " /settings", "/\t/evil.test", "/x\r\nSet-Cookie: a=b", "http:evil.test", "/" + "a" * 3000,
        "@evil.test", "///evil.test", "/\x01/evil.test",
    ],
)  # fmt: skip
def test_next_leads_nowhere_else(http: FlaskClient, alice: Person, target: str) -> None:
    form = forms.form_on(http.get("/login").get_data(as_text=True), "/login")
    response = forms.post(http, form, email=alice.email, password=PASSWORD, next=target)
    assert response.status_code == 303
    assert response.location in {"/", "/%09/evil.test"}  # an encoded tab stays encoded: a path of ours
    again = http.get("/login", query_string={"next": target})
    assert again.location in {"/", "/%09/evil.test"}


def test_who_is_signed_in_has_nothing_to_prove(http: FlaskClient, alice: Person) -> None:
    forms.sign_in(http, alice.email, PASSWORD)
    assert http.get("/login").location == "/"


@pytest.mark.parametrize("token", ["", "garbage", "0.00", "ffffffff.abcd"])
def test_a_post_without_the_forms_own_token_signs_nobody_in(http: FlaskClient, alice: Person, token: str) -> None:
    http.get("/login")
    data = {"email": alice.email, "password": PASSWORD, "csrf_token": token}
    assert http.post("/login", data=data).status_code == 400
    assert not signed_in(http)


def test_a_token_from_another_browser_or_another_form_signs_nobody_in(browser: Browser, alice: Person) -> None:
    hers, mallorys = browser(), browser()
    hers.get("/login")
    foreign = forms.form_on(mallorys.get("/login").get_data(as_text=True), "/login")
    assert forms.post(hers, foreign, email=alice.email, password=PASSWORD).status_code == 400
    other = forms.form_on(hers.get("/login").get_data(as_text=True), "/settings/theme")
    data = {"email": alice.email, "password": PASSWORD, "csrf_token": other.values["csrf_token"]}
    assert hers.post("/login", data=data).status_code == 400


def test_signing_in_gives_a_new_session_and_ends_the_old_one(http: FlaskClient, alice: Person, bob: Person) -> None:
    forms.sign_in(http, alice.email, PASSWORD)
    first = session_cookie(http)
    response = forms.sign_in(http, bob.email, PASSWORD, page="/login?switch=1")
    assert response.status_code == 303
    assert session_cookie(http) != first
    assert sessions.resolve(first) is None
    assert bob.email in http.get("/settings/profile").get_data(as_text=True)


def test_a_planted_session_cookie_is_not_adopted(http: FlaskClient, alice: Person) -> None:
    http.set_cookie("authserver_session", "planted-by-mallory-0123456789012345678901234")
    forms.sign_in(http, alice.email, PASSWORD)
    assert session_cookie(http) != "planted-by-mallory-0123456789012345678901234"
    assert sessions.resolve("planted-by-mallory-0123456789012345678901234") is None


class TestOnceMore:
    """The password is asked for again before sensitive acts."""

    def test_the_name_is_fixed_and_the_session_is_renewed(self, http: FlaskClient, alice: Person) -> None:
        with time_machine.travel("2026-11-24 12:00:00Z", tick=False) as clock:
            forms.sign_in(http, alice.email, PASSWORD)
            old, before = session_cookie(http), sessions.resolve(session_cookie(http))
            clock.shift(600)
            html = http.get("/login/confirm?next=/settings/security").get_data(as_text=True)
            assert "Confirm it&#39;s you" in html
            assert "Switch account" in html
            response = forms.post(http, forms.form_on(html, "/login/confirm"), password=PASSWORD)
            assert response.location == "/settings/security"
            after = sessions.resolve(session_cookie(http))
            assert before is not None
            assert after is not None
            assert after.session.auth_time == before.session.auth_time + 600
            assert sessions.resolve(old) is None

    def test_another_name_in_the_post_changes_nothing(self, http: FlaskClient, alice: Person, mallory: Person) -> None:
        forms.sign_in(http, alice.email, PASSWORD)
        html = http.get("/login/confirm").get_data(as_text=True)
        forms.post(http, forms.form_on(html, "/login/confirm"), email=mallory.email, password=PASSWORD)
        assert alice.email in http.get("/settings/profile").get_data(as_text=True)

    def test_guesses_are_counted_here_too(self, http: FlaskClient, alice: Person) -> None:
        forms.sign_in(http, alice.email, PASSWORD)
        answers = [forms.submit(http, "/login/confirm", password="guess").status_code for _ in range(6)]
        assert answers == [422] * 4 + [429] * 2

    def test_who_is_not_signed_in_gets_the_ordinary_form(self, http: FlaskClient) -> None:
        assert http.get("/login/confirm?next=/apps").location == "/login?next=/apps"


@pytest.mark.parametrize("handle", ["unknown", "x" * 300, "é"])
def test_a_request_nobody_knows_is_an_expired_one(http: FlaskClient, alice: Person, handle: str) -> None:
    response = http.get("/login", query_string={"request": handle})
    html = response.get_data(as_text=True)
    assert response.status_code == 400
    assert "This sign-in took too long. Start again from the app." in html
    assert 'name="password"' not in html
    form = forms.form_on(http.get("/login").get_data(as_text=True), "/login")
    refused = forms.post(http, form, email=alice.email, password=PASSWORD, request=handle)
    assert refused.status_code == 400
    assert not signed_in(http)


def test_a_sign_in_from_a_new_browser_is_told_by_mail_but_the_first_one_is_not(browser: Browser, alice: Person) -> None:
    first = browser()
    forms.sign_in(first, alice.email, PASSWORD)
    assert mails.recent() == []
    forms.sign_in(browser(), alice.email, PASSWORD)
    (mail,) = mails.recent()
    assert mail.subject == "New sign-in to your Kaie account"
    assert "Firefox" in mail.body
    forms.submit(first, "/logout", "/logout")
    forms.sign_in(first, alice.email, PASSWORD)
    assert len(mails.recent()) == 1


def fail(http: FlaskClient, email: str, times: int) -> None:
    for _ in range(times):
        forms.sign_in(http, email, "wrong")


@pytest.mark.parametrize("known_before", [True, False])
def test_who_gets_in_from_a_new_browser_after_failures_is_told_of_to_its_person(
    browser: Browser, alice: Person, known_before: bool
) -> None:
    if known_before:
        forms.sign_in(browser(), alice.email, PASSWORD)
    mallory = browser()
    fail(mallory, alice.email, 3)
    forms.sign_in(mallory, alice.email, PASSWORD)

    (mail,) = mails.recent()
    assert mail.subject == "Sign-in after failed attempts to your Kaie account"
    assert "a wrong password was tried 3 times" in mail.body
    assert "/this-was-not-me/" in mail.body
    [event] = [each for each in audit.page(owner_id=alice.id)[0] if each.type == "user.login_after_failures"]
    assert event.data["failures"] == 3


def test_slow_guessing_counts_too(browser: Browser, alice: Person) -> None:
    mallory = browser()
    with time_machine.travel("2030-01-01T00:00:00Z") as time:
        forms.sign_in(browser(), alice.email, PASSWORD)
        for _ in range(5):
            fail(mallory, alice.email, 1)
            time.shift(3600)
        forms.sign_in(mallory, alice.email, PASSWORD)

    assert "tried 5 times" in mails.recent()[0].body


def test_a_slip_of_the_hand_is_no_news(browser: Browser, alice: Person) -> None:
    hers = browser()
    fail(hers, alice.email, 2)
    forms.sign_in(hers, alice.email, PASSWORD)
    forms.submit(hers, "/logout", "/logout")
    fail(hers, alice.email, 3)  # her own browser is known by now
    forms.sign_in(hers, alice.email, PASSWORD)

    assert mails.recent() == []
    assert "user.login_after_failures" not in {event.type for event in audit.page(owner_id=alice.id)[0]}


def test_a_failure_before_the_last_sign_in_is_forgotten(browser: Browser, alice: Person) -> None:
    hers = browser()
    with time_machine.travel("2030-01-01T00:00:00Z") as time:
        forms.sign_in(hers, alice.email, PASSWORD)
        forms.submit(hers, "/logout", "/logout")
        fail(hers, alice.email, 3)
        time.shift(60)
        forms.sign_in(hers, alice.email, PASSWORD)
        time.shift(60)
        forms.sign_in(browser(), alice.email, PASSWORD)

    assert [mail.subject for mail in mails.recent()] == ["New sign-in to your Kaie account"]


def test_this_was_not_me_ends_everything_and_leads_to_a_new_password(browser: Browser, alice: Person) -> None:
    hers, thief = browser(), browser()
    forms.sign_in(hers, alice.email, PASSWORD)
    forms.sign_in(thief, alice.email, PASSWORD)
    path = re.search(r"http://localhost:8000(/this-was-not-me/\S+)", mails.recent()[0].body)[1]  # type: ignore[index]
    reader = browser()
    assert reader.get(path).status_code == 200
    assert signed_in(thief)  # looking changed nothing
    response = forms.submit(reader, path)
    assert not signed_in(thief)
    assert not signed_in(hers)
    assert response.status_code == 200 and "/password/reset/" not in response.text  # it ends things, and resets none
    assert reader.get(path).status_code == 404
    assert forms.sign_in(thief, alice.email, PASSWORD).status_code == 422
    assert forms.post(reader, forms.form_on(response.text, "/password/reset")).status_code == 200
    mailed = " ".join(mail.body for mail in mails.recent())
    chosen = re.search(r"http://localhost:8000(/password/reset/\S+)", mailed)[1]  # type: ignore[index]
    assert forms.submit(reader, chosen, new_password="seven green lanterns drift").location == "/"
    assert forms.sign_in(thief, alice.email, PASSWORD).status_code == 422


def test_what_the_other_one_made_ends_with_it_unless_its_box_is_unticked(browser: Browser, alice: Person) -> None:
    def warned() -> set[str]:
        told = "\n".join(mail.body for mail in mails.recent())
        return set(re.findall(r"http://localhost:8000(/this-was-not-me/\S+)", told))

    for ticked in (True, False):
        hers, thief = browser(), browser()
        forms.sign_in(hers, alice.email, PASSWORD)
        earlier = warned()
        forms.sign_in(thief, alice.email, PASSWORD)
        (path,) = warned() - earlier
        key = api_keys.create(alice.user, api_keys.Wish("Stolen", "read_only"))[1]
        reader = browser()
        form = forms.form_on(reader.get(path).get_data(as_text=True), path)
        assert form.values["end_made"] == "1"
        if not ticked:
            del form.values["end_made"]
        page = forms.post(reader, form).get_data(as_text=True)
        assert ("1 thing made since" in page) is ticked
        assert (api_keys.check(key, "127.0.0.1") is None) is ticked
        token = links.welcome_link(alice.id).rpartition("/")[2]
        passwords.set_by_link(token, PASSWORD, "welcome")


def test_a_new_password_leads_to_what_was_made_since_that_sign_in(http: FlaskClient, alice: Person) -> None:
    forms.sign_in(http, alice.email, PASSWORD)
    key = api_keys.create(alice.user, api_keys.Wish("Stolen", "read_only"))[1]
    page, action = "/settings/security", "/settings/security/password"
    changed = forms.submit(http, page, action, current_password=PASSWORD, new_password="seven green lanterns drift")
    assert changed.location.startswith("/settings/security/review?since=")
    assert "API key: Stolen" in http.get(changed.location).get_data(as_text=True)
    forms.submit(http, changed.location, "/settings/security/review")
    assert api_keys.check(key, "127.0.0.1") is None


def test_each_way_in_is_recorded(http: FlaskClient, alice: Person) -> None:
    forms.sign_in(http, alice.email, "wrong")
    forms.sign_in(http, alice.email, PASSWORD)
    kinds = [event.type for event in audit.page(owner_id=alice.id)[0]]
    assert kinds[:2] == ["user.login", "user.login_failed"]


@pytest.mark.parametrize("path", ["/login", "/login/confirm", "/password/reset", "/logout"])
def test_nothing_of_it_is_cached_or_framed(http: FlaskClient, alice: Person, path: str) -> None:
    response = http.get(path)
    assert response.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
