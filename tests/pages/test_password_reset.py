"""/password/reset: a link by mail, once, for half an hour, and nobody learns who has an account."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
import time_machine
from flask.testing import FlaskClient

from authserver.domain.ground import mails, one_time_links
from authserver.domain.people import addresses, links, sessions, users
from authserver.errors import RateLimited
from tests.conftest import PASSWORD, Person
from tests.support import forms

NEW = "seven green lanterns drift"
Browser = Callable[[], FlaskClient]


@pytest.fixture
def overrides() -> dict[str, object]:
    return {"demo": True}


def path_in_mail() -> str:
    found = re.search(r"http://localhost:8000(/password/reset/\S+)", mails.recent()[0].body)
    assert found
    return found[1]


def ask(http: FlaskClient, email: str) -> str:
    response = forms.submit(http, "/password/reset", email=email)
    assert response.status_code == 200
    return response.get_data(as_text=True)


def test_the_way_back_in(http: FlaskClient, alice: Person) -> None:
    ask(http, alice.email)
    path = path_in_mail()
    page = http.get(path)
    assert alice.email in page.get_data(as_text=True)
    response = forms.submit(http, path, new_password=NEW)
    assert (response.status_code, response.location) == (303, "/")
    assert "and you are signed in" in http.get("/").get_data(as_text=True)
    http.delete_cookie("authserver_session")
    assert forms.sign_in(http, alice.email, PASSWORD).status_code == 422
    assert forms.sign_in(http, alice.email, NEW).status_code == 303


def test_in_another_browser_signing_in_is_the_next_step(browser: Browser, alice: Person) -> None:
    """Who is sent somebody else's link is not signed in as them unawares."""
    ask(browser(), alice.email)
    http = browser()
    response = forms.submit(http, path_in_mail(), new_password=NEW)
    assert (response.status_code, response.location) == (303, "/login")
    assert http.get("/settings/profile").status_code == 303


def test_a_link_that_was_handed_over_signs_nobody_in(http: FlaskClient, alice: Person) -> None:
    ask(http, alice.email)
    here = path_in_mail().partition("here=")[2]
    path = links.access_link(alice.id).removeprefix("http://localhost:8000")
    response = forms.submit(http, f"{path}?here={here}", path, new_password=NEW)
    assert (response.status_code, response.location) == (303, "/login")


def test_what_was_typed_and_where_it_goes_on_stay_on_every_step(http: FlaskClient, alice: Person) -> None:
    def step(page: str, step: str, **fields: str) -> str:
        """Press a button of a form for signing in."""
        return forms.post(http, forms.form_on(page, "/login"), step=step, **fields).get_data(as_text=True)

    def there(page: str, path: str) -> dict[str, str]:
        values = forms.form_on(page, path).values
        return {name: values[name] for name in ("email", "next")}

    wanted = {"email": alice.email, "next": "/settings/profile"}
    login = http.get("/login?next=/settings/profile").get_data(as_text=True)
    asked = step(login, "forgot", email=alice.email, password="typed")
    assert there(asked, "/password/reset") == wanted
    assert there(step(asked, "back"), "/login") == wanted
    sent = forms.post(http, forms.form_on(asked, "/password/reset")).get_data(as_text=True)
    assert there(step(sent, "forgot"), "/password/reset") == wanted
    assert there(step(sent, "back"), "/login") == wanted
    path = path_in_mail()
    assert forms.submit(http, path, path.partition("?")[0], new_password=NEW).location == "/settings/profile"


def test_a_link_that_is_used_leads_to_another_for_the_same(http: FlaskClient, alice: Person) -> None:
    form = forms.form_on(http.get("/password/reset").get_data(as_text=True), "/password/reset")
    forms.post(http, form, email=alice.email, next="/settings/profile")
    path = path_in_mail()
    forms.submit(http, path, path.partition("?")[0], new_password=NEW)
    dead = http.get(path)
    assert dead.status_code == 404
    for way in ("/login", "/password/reset"):
        assert f'href="{way}?next=/settings/profile"' in dead.get_data(as_text=True)


@pytest.mark.parametrize("next", ["//evil.example", "https://evil.example/", "/" + "x" * 600])
def test_a_mail_leads_on_to_nothing_of_others(http: FlaskClient, alice: Person, next: str) -> None:
    form = forms.form_on(http.get("/password/reset").get_data(as_text=True), "/password/reset")
    assert forms.post(http, form, email=alice.email, next=next).status_code == 200
    assert "next=" not in path_in_mail()


def test_the_link_works_once_and_looking_does_not_use_it_up(browser: Browser, alice: Person) -> None:
    ask(browser(), alice.email)
    path, http = path_in_mail(), browser()
    form = forms.form_on(http.get(path).get_data(as_text=True), path.partition("?")[0])
    assert forms.post(http, form, new_password=NEW).status_code == 303
    assert forms.post(http, form, new_password="another fine pass phrase").status_code == 404
    dead = browser().get(path)
    assert dead.status_code == 404
    assert "This link no longer works" in dead.get_data(as_text=True)


def test_the_link_ends_after_half_an_hour(http: FlaskClient, alice: Person) -> None:
    with time_machine.travel("2026-11-24 12:00:00Z", tick=False) as clock:
        ask(http, alice.email)
        clock.shift(1799)
        assert http.get(path_in_mail()).status_code == 200
        clock.shift(1)
        assert http.get(path_in_mail()).status_code == 404


@pytest.mark.parametrize("cause", ["password", "email", "disabled"])
def test_the_link_dies_with_what_it_was_made_for(http: FlaskClient, alice: Person, cause: str) -> None:
    from authserver.domain.people.credentials import passwords

    ask(http, alice.email)
    path = path_in_mail()
    if cause == "password":
        passwords.change(alice.user, PASSWORD, NEW)
    elif cause == "email":
        addresses.change_email(alice.id, "alice@elsewhere.test")
    else:
        users.disable(alice.id)
    assert http.get(path).status_code == 404


def test_every_session_ends_with_it(browser: Browser, alice: Person) -> None:
    signed_in = browser()
    forms.sign_in(signed_in, alice.email, PASSWORD)
    ask(browser(), alice.email)
    forms.submit(browser(), path_in_mail(), new_password=NEW)
    assert sessions.list_for(alice.id) == []
    assert signed_in.get("/settings/profile").status_code == 303


def test_the_answer_does_not_tell_who_has_an_account(browser: Browser, alice: Person, bob: Person) -> None:
    users.disable(bob.id)
    strip = re.compile(r'nonce="[^"]+"|value="[^"]{40,}"|value="[^"]*@example\.test"')
    answers = {strip.sub("", ask(browser(), email)) for email in (alice.email, bob.email, "nobody@example.test")}
    assert len(answers) == 1
    assert [mail.recipient for mail in mails.recent()] == [alice.email]


def test_the_answer_takes_the_same_time(alice: Person) -> None:
    def milliseconds(email: str) -> float:
        started = time.thread_time()  # our own work, whatever else the machine does meanwhile
        links.request_reset(email)
        return (time.thread_time() - started) * 1000

    known, unknown = [], []
    for number in range(5):
        for _ in range(4):  # the budget of a quarter of an hour
            known.append(milliseconds(alice.email))
            unknown.append(milliseconds(f"nobody{number}@example.test"))
        with_fresh_budget()
    # The quickest of each: what the code does more for one of them is in every one.
    assert abs(min(known) - min(unknown)) < 5


def with_fresh_budget() -> None:
    from sqlalchemy import delete

    from authserver import database
    from authserver.models import AttemptCounter

    with database.transaction() as session:
        session.execute(delete(AttemptCounter))


def test_an_address_gets_so_many_links_and_an_unknown_one_as_many(alice: Person) -> None:
    for email in (alice.email, "nobody@example.test"):
        for _ in range(5):
            links.request_reset(email)
        with pytest.raises(RateLimited):
            links.request_reset(email)


def test_a_throttled_request_says_when(http: FlaskClient, alice: Person) -> None:
    for _ in range(5):
        ask(http, alice.email)
    response = forms.submit(http, "/password/reset", email=alice.email)
    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) > 0
    assert "Too many attempts" in response.get_data(as_text=True)


@pytest.mark.parametrize("email", ["", "alice", "a@b@c", "x" * 300 + "@example.test"])
def test_what_is_no_address_is_told_so(http: FlaskClient, email: str) -> None:
    response = forms.submit(http, "/password/reset", email=email)
    assert response.status_code == 422


@pytest.mark.parametrize("password", ["", "short", "password1", "alice martin"])
def test_a_weak_password_is_refused_and_the_link_lives_on(http: FlaskClient, alice: Person, password: str) -> None:
    ask(http, alice.email)
    path = path_in_mail()
    assert forms.submit(http, path, new_password=password).status_code == 422
    assert forms.submit(http, path, new_password=NEW).status_code == 303


def test_the_host_of_the_link_is_the_configured_one(http: FlaskClient, alice: Person) -> None:
    form = forms.form_on(http.get("/password/reset").get_data(as_text=True), "/password/reset")
    data = {**form.values, "email": alice.email}
    http.post("/password/reset", data=data, headers={"X-Forwarded-Host": "evil.test", "Forwarded": "host=evil.test"})
    assert "evil.test" not in mails.recent()[0].body
    http.post("/password/reset", data=data, headers={"Host": "evil.test"})
    assert len(mails.recent()) == 1


def test_a_person_who_has_no_password_yet_gets_a_welcome(http: FlaskClient) -> None:
    users.create("new@example.test")
    ask(http, "new@example.test")
    assert "http://localhost:8000/welcome/" in mails.recent()[0].body


def test_a_reset_link_is_no_welcome_link(http: FlaskClient, alice: Person) -> None:
    token = links.access_link(alice.id).rpartition("/")[2]
    assert http.get(f"/welcome/{token}").status_code == 404
    assert http.get(f"/this-was-not-me/{token}").status_code == 404
    assert one_time_links.look(token, "reset").user.id == alice.id


class TestWithoutMail:
    """A server that cannot mail says whom to ask."""

    @pytest.fixture
    def overrides(self) -> dict[str, object]:
        return {}

    def test_the_page_names_the_administrator(self, http: FlaskClient) -> None:
        html = http.get("/password/reset").get_data(as_text=True)
        assert "Ask your administrator" in html
        assert 'type="email"' not in html
