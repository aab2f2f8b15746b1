"""/settings/sessions: where one is signed in, and ending that."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import time_machine
from flask.testing import FlaskClient

from authserver.domain.people import sessions
from authserver.domain.record import audit
from tests.conftest import PASSWORD, Person
from tests.support import forms

Browser = Callable[[], FlaskClient]


def signed_in(http: FlaskClient) -> bool:
    return http.get("/settings/profile").status_code == 200


def test_the_list_shows_browser_address_method_and_which_one_is_this(browser: Browser, alice: Person) -> None:
    here, phone = browser(), browser()
    phone.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Version/18.0 Safari/604.1"
    forms.sign_in(phone, alice.email, PASSWORD)
    forms.sign_in(here, alice.email, PASSWORD)
    html = here.get("/settings/sessions").get_data(as_text=True)
    assert html.index("Firefox on Linux") < html.index("Safari on iPhone")
    assert "127.0.0.1" in html
    assert "Password" in html
    assert html.count("This session") == 1
    assert "Sign out 1 other session" in html


def test_of_too_many_sessions_the_one_unused_longest_ends_and_that_is_told(app: object, alice: Person) -> None:
    """ASVS 7.1.2: nobody is kept out for it."""
    with time_machine.travel("2026-11-24 12:00:00Z", tick=False) as clock:
        made = []
        for _ in range(sessions.PARALLEL_SESSIONS + 1):
            clock.shift(1)
            made.append(sessions.open(alice.user, amr=["pwd"], ip="", user_agent="")[0])
        living = [sessions.resolve(each) is not None for each in made]
    assert living == [False] + [True] * sessions.PARALLEL_SESSIONS
    (event,) = [each for each in audit.page(owner_id=alice.id)[0] if each.type == "session.ended"]
    assert (event.reason, event.data) == ("too many", {"count": 1})


def test_one_session_ends_and_the_others_live(browser: Browser, alice: Person) -> None:
    here, there = browser(), browser()
    forms.sign_in(there, alice.email, PASSWORD)
    (victim,) = sessions.list_for(alice.id)
    forms.sign_in(here, alice.email, PASSWORD)
    response = forms.submit(here, "/settings/sessions", f"/settings/sessions/{victim.id}/end")
    assert response.location == "/settings/sessions"
    assert not signed_in(there)
    assert signed_in(here)


@pytest.mark.parametrize("whose", ["gone", "unknown", "alice's"])
def test_what_is_gone_unknown_or_somebody_elses_gets_one_answer(
    browser: Browser, alice: Person, mallory: Person, whose: str
) -> None:
    here, there, second = browser(), browser(), browser()
    forms.sign_in(second, mallory.email, PASSWORD)
    ended = sessions.list_for(mallory.id)[0].id
    for http, person in ((here, mallory), (browser(), mallory), (there, alice)):
        forms.sign_in(http, person.email, PASSWORD)
    sessions.end(mallory.id, ended)
    victim = {"gone": ended, "unknown": "sesnobody", "alice's": ""}[whose] or sessions.list_for(alice.id)[0].id
    html = here.get("/settings/sessions").get_data(as_text=True)
    form = next(each for each in forms.forms(html) if each.action.endswith("/end"))
    form.action = f"/settings/sessions/{victim}/end"
    response = forms.post(here, form)
    assert response.status_code == 404
    assert "That session has already ended." in response.get_data(as_text=True)
    assert signed_in(there)


def test_everywhere_else_ends_and_this_one_stays(browser: Browser, alice: Person, bob: Person) -> None:
    here, there, colleague = browser(), browser(), browser()
    for http, person in ((there, alice), (here, alice), (colleague, bob)):
        forms.sign_in(http, person.email, PASSWORD)
    forms.submit(here, "/settings/sessions", "/settings/sessions/end-others")
    assert (signed_in(here), signed_in(there), signed_in(colleague)) == (True, False, True)


def test_an_idle_session_ends_and_a_busy_one_ends_too_in_time(http: FlaskClient, alice: Person) -> None:
    with time_machine.travel("2026-11-24 08:00:00Z", tick=False) as clock:
        forms.sign_in(http, alice.email, PASSWORD)
        clock.shift(29 * 60)
        assert signed_in(http)
        clock.shift(31 * 60)
        assert not signed_in(http)
        forms.sign_in(http, alice.email, PASSWORD)
        for _ in range(35):
            clock.shift(20 * 60)
            assert signed_in(http)
        clock.shift(20 * 60 + 1)
        assert not signed_in(http)


@pytest.mark.parametrize("cookie", ["", "x", "x" * 43, "\x7f" * 20, "x" * 5000])
def test_an_invented_cookie_is_nobodys(http: FlaskClient, alice: Person, cookie: str) -> None:
    http.set_cookie("authserver_session", cookie)
    assert not signed_in(http)


def test_the_session_id_that_pages_show_opens_nothing(browser: Browser, alice: Person) -> None:
    forms.sign_in(browser(), alice.email, PASSWORD)
    (row,) = sessions.list_for(alice.id)
    thief = browser()
    thief.set_cookie("authserver_session", row.id)
    assert not signed_in(thief)


@pytest.mark.parametrize(
    "path", ["/settings/sessions", "/settings/profile", "/settings/security", "/admin/users", "/admin/users/new"]
)
def test_a_stranger_signs_in_first(http: FlaskClient, path: str) -> None:
    response = http.get(path)
    assert response.status_code == 303
    assert response.location.startswith("/login?next=")


@pytest.mark.parametrize("action", ["/end-others", "/{id}/end"])
def test_ending_sessions_wants_a_fresh_proof_and_comes_back_to_the_list(
    browser: Browser, alice: Person, action: str
) -> None:
    with time_machine.travel("2026-11-24 12:00:00Z", tick=False) as clock:
        here = browser()
        cookie, other = sessions.open(alice.user, amr=["pwd"], ip="", user_agent="")
        forms.sign_in(here, alice.email, PASSWORD)
        target = "/settings/sessions" + action.format(id=other.session.id)
        form = forms.form_on(here.get("/settings/sessions").get_data(as_text=True), target)
        clock.shift(301)
        response = forms.post(here, form)
        assert response.location == "/login/confirm?next=/settings/sessions"
        assert here.get("/settings/sessions").location == response.location
        assert sessions.resolve(cookie) is not None
        assert (
            forms.submit(here, response.location, "/login/confirm", password=PASSWORD).location == "/settings/sessions"
        )
        forms.submit(here, "/settings/sessions", target)
        assert sessions.resolve(cookie) is None


def test_apps_are_cut_off_if_wished(http: FlaskClient, alice: Person, ada: Person) -> None:
    from authserver import database
    from authserver.domain.clients import clients
    from authserver.domain.clients.metadata import Registration
    from authserver.domain.grants import grants

    uris = ("https://app.example.test/callback",)
    client, _ = clients.register(ada.user, Registration(name="Acme Notes", kind="web", redirect_uris=uris))
    _, other = sessions.open(alice.user, amr=["pwd"], ip="", user_agent="")
    with database.transaction() as session:
        grants.create(
            session, client_id=client.id, user_id=alice.id, session_id=other.session.id, scopes=["openid"],
            resources=[], auth_time=1, amr=["pwd"], nonce=None,
        )  # fmt: skip
    forms.sign_in(http, alice.email, PASSWORD)
    page = "/settings/sessions"
    assert "Acme Notes" in http.get(page).get_data(as_text=True)
    forms.submit(http, page, f"{page}/end-others")
    assert len(grants.live_for(alice.id)) == 1
    sessions.open(alice.user, amr=["pwd"], ip="", user_agent="")
    forms.submit(http, page, f"{page}/end-others", apps="1")
    assert grants.live_for(alice.id) == []
