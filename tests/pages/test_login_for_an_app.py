"""/login while an authorization request waits: it says for whom, and the stored request goes on."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape as html_escape
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from authserver import database
from authserver.domain.clients import clients
from authserver.domain.clients.metadata import Registration
from authserver.domain.ground import cache
from authserver.models import Client
from tests.conftest import PASSWORD, Person
from tests.support import forms

Browser = Callable[[], FlaskClient]
CALLBACK = "https://notes.example.test/callback"


@pytest.fixture
def client_id(app: Flask, ada: Person) -> str:
    wanted = Registration(name="Acme Notes", kind="web", redirect_uris=(CALLBACK,), scopes=("openid",))
    return clients.register(ada.user, wanted)[0].id


def asking(client_id: str) -> dict[str, str]:
    return {
        "client_id": client_id, "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid", "state": "s",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256",
    }  # fmt: skip


def begin(http: FlaskClient, client_id: str, **more: str) -> str:
    """Start at the authorize page; gives the sign-in page it leads to."""
    response = http.get("/oauth/authorize", query_string=asking(client_id) | more)
    while response.status_code in {302, 303} and not response.location.startswith("/login"):
        response = http.get(response.location)
    assert response.location is not None, response.get_data(as_text=True)
    return response.location


def handle_in(page: str) -> str:
    return parse_qs(urlsplit(page).query)["request"][0]


def test_the_page_names_the_app_and_its_host_and_fills_the_hint_in(http: FlaskClient, client_id: str) -> None:
    response = http.get(begin(http, client_id, login_hint="alice@example.test"))
    html = re.sub(r"\s+", " ", response.get_data(as_text=True))
    assert "to continue to <b>Acme Notes</b>" in html
    assert "notes.example.test" in html
    assert 'value="alice@example.test"' in html
    assert "form-action 'self';" in response.headers["Content-Security-Policy"]


def test_a_hint_is_text(http: FlaskClient, client_id: str) -> None:
    html = http.get(begin(http, client_id, login_hint='"><script>alert(1)</script>')).get_data(as_text=True)
    assert "<script>alert" not in html


@pytest.mark.parametrize(
    "hint", ["a\x1b[31m@example.test", "a\u202eb@example.test", "a\nb@example.test", "a" * 250 + "@x.test"], ids=repr
)
def test_a_hint_that_deceives_or_has_no_end_is_none(http: FlaskClient, client_id: str, hint: str) -> None:
    html = http.get(begin(http, client_id, login_hint=hint)).get_data(as_text=True)
    assert "example.test" not in html.replace("notes.example.test", "") and "aaaaa" not in html


def test_signing_in_goes_on_with_the_stored_request_whatever_else_the_form_says(
    http: FlaskClient, client_id: str, alice: Person
) -> None:
    page = begin(http, client_id)
    response = forms.submit(http, page, "/login", email=alice.email, password=PASSWORD, next="/settings/profile")
    assert response.status_code == 303
    assert response.location == f"/oauth/authorize/continue?request={handle_in(page)}"
    assert "Acme Notes" in http.get(response.location, follow_redirects=True).get_data(as_text=True)


@pytest.mark.parametrize("overrides", [{"issuer": "http://localhost/auth"}])
@pytest.mark.parametrize("below", ["/auth", ""], ids=["served below its path", "behind a proxy that strips it"])
def test_an_issuer_with_a_path_keeps_it_in_every_step(
    http: FlaskClient, client_id: str, alice: Person, below: str
) -> None:
    page = http.get(f"{below}/login?next=/settings/profile").get_data(as_text=True)
    form = forms.form_on(page, "/auth/login")
    assert "/auth/static/" in page
    answer = http.post(f"{below}/login", data={**form.values, "email": alice.email, "password": PASSWORD})
    assert answer.location == "/auth/settings/profile"
    asked = f"client_id={client_id}&redirect_uri={CALLBACK}&response_type=code&scope=openid&prompt=login"
    pkce = "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    to_login = http.get(f"{below}/oauth/authorize?{asked}&{pkce}").location
    assert to_login.startswith("/auth/login?request=")
    form = forms.form_on(http.get(to_login).get_data(as_text=True), "/auth/login")
    answer = http.post(f"{below}/login", data={**form.values, "email": alice.email, "password": PASSWORD})
    assert answer.location == f"/auth/oauth/authorize/continue?request={handle_in(to_login)}"


def test_errors_keep_the_request(http: FlaskClient, client_id: str, alice: Person) -> None:
    page = begin(http, client_id)
    html = forms.submit(http, page, "/login", email=alice.email, password="wrong").get_data(as_text=True)
    assert "Acme Notes" in html
    response = forms.post(http, forms.form_on(html, "/login"), email=alice.email, password=PASSWORD)
    assert response.location.endswith(handle_in(page))


def test_a_request_of_another_browser_is_not_continued(browser: Browser, client_id: str, alice: Person) -> None:
    page = begin(browser(), client_id)
    response = browser().get(page)
    assert response.status_code == 400
    assert "took too long" in response.get_data(as_text=True)
    assert "Acme Notes" not in response.get_data(as_text=True)


def test_a_request_ends_after_ten_minutes_and_warns_in_the_last_two(
    http: FlaskClient, client_id: str, alice: Person
) -> None:
    with time_machine.travel("2026-11-24 12:00:00Z", tick=False) as clock:
        page = begin(http, client_id)
        assert "This request ends" not in http.get(page).get_data(as_text=True)
        clock.shift(500)
        html = http.get(page).get_data(as_text=True)
        assert "This request ends in 1 min 40 s." in html
        clock.shift(101)
        assert http.get(page).status_code == 400
        late = forms.post(http, forms.form_on(html, "/login"), email=alice.email, password=PASSWORD)
        assert late.status_code == 400
        assert http.get("/settings/profile").status_code == 303


@pytest.mark.parametrize("how", [{"prompt": "login"}, {"max_age": "0"}])
def test_a_demanded_fresh_proof_fixes_the_account_and_then_goes_on(
    http: FlaskClient, client_id: str, alice: Person, how: dict[str, str]
) -> None:
    with time_machine.travel("2026-11-24 12:00:00Z", tick=False) as clock:
        forms.sign_in(http, alice.email, PASSWORD)
        clock.shift(10)
        page = begin(http, client_id, **how)
        html = http.get(page).get_data(as_text=True)
        assert "Confirm it&#39;s you" in html
        assert "Acme Notes" in html
        clock.shift(10)
        response = forms.post(http, forms.form_on(html, "/login"), password=PASSWORD)
        assert response.location == f"/oauth/authorize/continue?request={handle_in(page)}"
        following = http.get(response.location)
        assert "/login" not in (following.location or "")


def test_switching_the_account_keeps_the_request(http: FlaskClient, client_id: str, alice: Person, bob: Person) -> None:
    forms.sign_in(http, alice.email, PASSWORD)
    page = begin(http, client_id, prompt="login")
    switch = f"/login?switch=1&request={handle_in(page)}"
    assert switch.replace("&", "&amp;") in http.get(page).get_data(as_text=True)
    response = forms.submit(http, switch, "/login", email=bob.email, password=PASSWORD)
    assert response.location == f"/oauth/authorize/continue?request={handle_in(page)}"
    assert bob.email in http.get("/settings/profile").get_data(as_text=True)


def test_the_password_never_reaches_the_app(http: FlaskClient, client_id: str, alice: Person) -> None:
    response = forms.submit(http, begin(http, client_id), "/login", email=alice.email, password=PASSWORD)
    assert response.status_code == 303  # 307 or 308 would send the form on


def test_where_signing_in_is_all_that_was_missing_a_page_hands_over(
    http: FlaskClient, client_id: str, alice: Person
) -> None:
    """The sign-in page has `form-action 'self'`, so that no redirect after its form may leave (contract 11.22)."""
    forms.sign_in(http, alice.email, PASSWORD)
    consent = http.get(begin_signed_in(http, client_id))
    form = forms.form_on(consent.get_data(as_text=True), "/oauth/authorize/consent")
    assert forms.post(http, form, action="allow").status_code == 303
    forms.submit(http, "/logout", "/logout")
    page = begin(http, client_id)
    answer = http.get(forms.submit(http, page, "/login", email=alice.email, password=PASSWORD).location)
    assert answer.status_code == 200
    target = answer.headers["Refresh"].removeprefix("0; url=")
    assert target.startswith(CALLBACK + "?code=") and "iss=" in target and "state=s" in target
    assert f'href="{html_escape(target)}"' in answer.get_data(as_text=True)
    again = http.get("/oauth/authorize", query_string=asking(client_id))
    assert again.status_code == 303 and again.location.startswith(CALLBACK + "?code=")


def test_an_error_after_signing_in_is_handed_over_too(http: FlaskClient, client_id: str, alice: Person) -> None:
    page = begin(http, client_id)
    with database.transaction() as session:
        session.get_one(Client, client_id).scopes = ["email"]
        cache.touch(session, "clients")
    answer = http.get(forms.submit(http, page, "/login", email=alice.email, password=PASSWORD).location)
    assert answer.status_code == 200 and "error=invalid_scope" in answer.headers["Refresh"]


def begin_signed_in(http: FlaskClient, client_id: str) -> str:
    return str(http.get("/oauth/authorize", query_string=asking(client_id)).location)


def test_every_step_of_a_sign_in_keeps_its_opener(http: FlaskClient, client_id: str, alice: Person) -> None:
    """A popup whose group of windows is cut off can tell the page that opened it nothing."""
    coop, steps = "Cross-Origin-Opener-Policy", []
    steps.append(http.get("/oauth/authorize", query_string=asking(client_id)))
    steps.append(http.get(steps[-1].location))
    form = forms.form_on(steps[-1].get_data(as_text=True), "/login")
    steps.append(forms.post(http, form, email=alice.email, password="wrong"))
    steps.append(forms.post(http, form, email=alice.email, password=PASSWORD))
    steps += [http.get(steps[-1].location)]
    steps += [http.get(steps[-1].location)]
    form = forms.form_on(steps[-1].get_data(as_text=True), "/oauth/authorize/consent")
    steps.append(forms.post(http, form, action="allow"))
    assert steps[-1].location.startswith(CALLBACK)
    assert [each.headers[coop] for each in steps] == ["unsafe-none"] * 7
    posted = http.post("/oauth/authorize", data=asking(client_id))
    assert posted.headers[coop] == "unsafe-none"
    for other in ("/login", "/", "/logout", "/settings/profile"):
        assert http.get(other).headers[coop] == "same-origin", other
    bad = http.get("/oauth/authorize", query_string=asking(client_id) | {"redirect_uri": "https://evil.example/"})
    assert (bad.status_code, bad.headers[coop]) == (400, "same-origin")


def test_an_app_that_registered_itself_keeps_none(http: FlaskClient, client_id: str, alice: Person) -> None:
    with database.transaction() as session:
        session.get_one(Client, client_id).self_registered = True
        cache.touch(session, "clients")
    answer = http.get("/oauth/authorize", query_string=asking(client_id))
    page = http.get(answer.location)
    assert {each.headers["Cross-Origin-Opener-Policy"] for each in (answer, page)} == {"same-origin"}


def test_a_second_tab_goes_on_with_its_own_request(http: FlaskClient, client_id: str, alice: Person) -> None:
    first, second = begin(http, client_id), begin(http, client_id)
    assert handle_in(first) != handle_in(second)
    form = forms.form_on(http.get(second).get_data(as_text=True), "/login")
    forms.submit(http, first, "/login", email=alice.email, password=PASSWORD)
    for password in (PASSWORD, "whatever stands there"):
        answer = forms.post(http, form, email=alice.email, password=password)
        assert (answer.status_code, answer.location) == (303, f"/oauth/authorize/continue?request={handle_in(second)}")
    assert "Acme Notes" in http.get(answer.location, follow_redirects=True).get_data(as_text=True)


def test_a_second_tab_without_a_request_goes_where_it_was_going(http: FlaskClient, alice: Person) -> None:
    form = forms.form_on(http.get("/login?next=/settings/profile").get_data(as_text=True), "/login")
    forms.sign_in(http, alice.email, PASSWORD)
    assert forms.post(http, form, email=alice.email, password=PASSWORD).location == "/settings/profile"


def test_another_sites_form_still_is_none_of_ours(http: FlaskClient, alice: Person) -> None:
    forms.sign_in(http, alice.email, PASSWORD)
    answer = http.post(
        "/login",
        data={"next": "/settings/profile"},
        headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    )
    assert answer.status_code == 400
    assert "This form has expired" in answer.get_data(as_text=True)


def test_a_browser_without_cookies_is_told_so(app: Flask, client_id: str, alice: Person) -> None:
    bare = app.test_client(use_cookies=False)
    form = forms.form_on(bare.get("/login").get_data(as_text=True), "/login")
    answer = forms.post(bare, form, email=alice.email, password=PASSWORD)
    assert answer.status_code == 400
    assert "Your browser sends no cookies" in answer.get_data(as_text=True)
    page = bare.get(begin(bare, client_id))
    assert page.status_code == 400 and "Your browser sends no cookies" in page.get_data(as_text=True)
    closed = bare.get("/oauth/authorize/continue?request=" + "x" * 43)
    assert closed.status_code == 400 and "Your browser sends no cookies" in closed.get_data(as_text=True)
