"""/admin/users: administrators look after people; everybody else finds no such page."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from authserver import config, database
from authserver.domain.ground import one_time_links
from authserver.domain.people import departures, sessions, sign_ins, users
from authserver.domain.record import audit
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks.wishes import Wish
from authserver.models import Mail
from tests.conftest import PASSWORD, Person
from tests.support import forms

Browser = Callable[[], FlaskClient]
PAGES = ("", "/new", "/{id}", "/{id}/link", "/{id}/disable", "/{id}/delete")
POSTS = {
    "create": "/new", "change_email": "/{id}/email", "make_link": "/{id}/link", "mail_reset": "/{id}/reset-mail",
    "disable": "/{id}/disable", "enable": "/{id}/enable", "unlock": "/{id}/unlock",
    "end_sessions": "/{id}/end-sessions", "change_standing": "/{id}/standing",
}  # fmt: skip


@pytest.fixture
def admin(http: FlaskClient, ada: Person) -> FlaskClient:
    forms.sign_in(http, ada.email, PASSWORD)
    return http


@pytest.mark.parametrize("path", PAGES)
def test_mallory_finds_no_such_page(http: FlaskClient, mallory: Person, alice: Person, path: str) -> None:
    forms.sign_in(http, mallory.email, PASSWORD)
    assert http.get("/admin/users" + path.format(id=alice.id)).status_code == 404


@pytest.mark.parametrize("endpoint", POSTS)
def test_mallory_changes_nothing(http: FlaskClient, mallory: Person, alice: Person, endpoint: str) -> None:
    forms.sign_in(http, mallory.email, PASSWORD)
    cookie, _ = sessions.open(alice.user, amr=["pwd"], ip="", user_agent="")
    data = {"csrf_token": forms.token(http, f"admin_users.{endpoint}"), "email": "taken@over.test", "role": "admin"}
    response = http.post("/admin/users" + POSTS[endpoint].format(id=alice.id), data=data)
    assert response.status_code == 404
    user = users.get(alice.id)
    assert (user.email, user.disabled_at) == (alice.email, None)
    assert users.find_by_email("taken@over.test") is None
    assert sessions.resolve(cookie) is not None


def test_the_list_is_searched(admin: FlaskClient, alice: Person, bob: Person) -> None:
    html = admin.get("/admin/users?q=stone").get_data(as_text=True)
    assert bob.email in html
    assert alice.email not in html
    assert "Nobody found" in admin.get("/admin/users?q=zzz").get_data(as_text=True)


@pytest.mark.parametrize("page", ["0", "-1", "x", "9" * 40, "1e9", ""])
def test_a_strange_page_number_is_the_first_page(admin: FlaskClient, page: str) -> None:
    assert admin.get("/admin/users", query_string={"page": page}).status_code == 200


def test_a_new_person_gets_a_link_that_is_shown_once(browser: Browser, admin: FlaskClient) -> None:
    form = forms.form_on(admin.get("/admin/users/new").get_data(as_text=True), "/admin/users/new")
    response = forms.post(admin, form, email="carol@example.test", name="Carol", role="user")
    html = response.get_data(as_text=True)
    link = re.search(r"http://localhost:8000(/welcome/[\w-]+)", html)
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert link
    again = forms.post(admin, form, email="carol2@example.test", role="admin")
    assert again.status_code == 303
    assert users.find_by_email("carol2@example.test") is None
    user = users.find_by_email("carol@example.test")
    assert user is not None
    assert link[1] not in admin.get(f"/admin/users/{user.id}").get_data(as_text=True)
    person = browser()
    assert forms.submit(person, link[1], new_password="seven green lanterns drift").location == "/"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"email": ""}, "Enter an email."),
        ({"email": "nobody"}, "Enter one email address"),
        ({"email": "alice@example.test"}, "already an account"),
        ({"email": "c@example.test", "role": "root"}, "Not a valid choice"),
    ],
)
def test_a_wrong_field_says_so(admin: FlaskClient, alice: Person, fields: dict[str, str], message: str) -> None:
    response = forms.submit(admin, "/admin/users/new", **fields)
    assert response.status_code == 422
    assert message in response.get_data(as_text=True)


def test_disabling_names_the_consequence_and_stops_the_person(
    browser: Browser, admin: FlaskClient, alice: Person
) -> None:
    hers = browser()
    forms.sign_in(hers, alice.email, PASSWORD)
    page = f"/admin/users/{alice.id}/disable"
    assert "1 session ends at once" in admin.get(page).get_data(as_text=True)
    assert forms.submit(admin, page).status_code == 303
    assert hers.get("/settings/profile").status_code == 303
    show = f"/admin/users/{alice.id}"
    assert forms.submit(admin, show, f"{show}/enable").status_code == 303
    assert forms.sign_in(hers, alice.email, PASSWORD).status_code == 303


def test_nobody_disables_themselves(admin: FlaskClient, ada: Person) -> None:
    page = f"/admin/users/{ada.id}/disable"
    assert "your own account" in admin.get(page).get_data(as_text=True)
    assert admin.post(page, data={"csrf_token": forms.token(admin, "admin_users.disable")}).status_code == 409
    assert users.get(ada.id).disabled_at is None


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("names", {"username": "another"}), ("email", {"email": "other@example.test"}),
        ("standing", {"role": "admin"}), ("unlock", {}), ("disable", {}), ("enable", {}),
    ],
)  # fmt: skip
def test_a_form_that_was_open_while_its_person_was_deleted_says_so(
    admin: FlaskClient, alice: Person, path: str, fields: dict[str, str]
) -> None:
    endpoint = {"names": "change_names", "email": "change_email", "standing": "change_standing"}
    token = forms.token(admin, f"admin_users.{endpoint.get(path, path)}")
    departures.delete(alice.id)
    answer = admin.post(f"/admin/users/{alice.id}/{path}", data={"csrf_token": token, **fields})
    assert (answer.status_code, "Restore them first" in answer.get_data(as_text=True)) == (409, True)


class TestResetMail:
    """What an administrator reads is what happens: a mail that is not written is not on its way."""

    @pytest.fixture
    def overrides(self) -> dict[str, str]:
        return {"smtp_url": "smtp://127.0.0.1:9", "mail_from": "server@example.test"}

    def ask(self, admin: FlaskClient, person: Person) -> tuple[int, int]:
        """The answer, and how many mails stand there for this person."""
        data = {"csrf_token": forms.token(admin, "admin_users.mail_reset")}
        answer = admin.post(f"/admin/users/{person.id}/reset-mail", data=data)
        with database.reading() as session:
            written = select(func.count()).select_from(Mail).where(Mail.recipient == person.email)
            return answer.status_code, session.scalar(written) or 0

    def test_is_written_for_who_can_sign_in(self, admin: FlaskClient, alice: Person) -> None:
        assert self.ask(admin, alice) == (303, 1)

    @pytest.mark.parametrize("end", [users.disable, departures.delete])
    def test_is_refused_for_who_cannot(self, admin: FlaskClient, alice: Person, end: Callable[[str], object]) -> None:
        end(alice.id)
        assert self.ask(admin, alice) == (409, 0)


@pytest.mark.parametrize("mail", [True, False])
def test_a_mail_is_promised_only_where_one_is_sent(app: Flask, admin: FlaskClient, alice: Person, mail: bool) -> None:
    here = config.current()
    sends = dataclasses.replace(here, smtp_url="smtp://127.0.0.1:9", mail_from="server@example.test")
    hook = webhook_endpoints.create(users.get(alice.id), Wish("Hook", "https://hooks.example.test/in"))[0]
    with config.using(sends if mail else here):
        for page in (f"/admin/users/{alice.id}", f"/webhooks/{hook.id}"):
            html = admin.get(page).get_data(as_text=True)
            assert bool(re.search("gets? a mail", html)) is mail, page


def test_a_password_that_ended_is_not_called_one_that_was_never_chosen(admin: FlaskClient, alice: Person) -> None:
    with database.transaction() as session:
        link = one_time_links.make(session, alice.user, "not_me").rpartition("/")[2]
    sign_ins.disown_sign_in(link)
    html = admin.get(f"/admin/users/{alice.id}").get_data(as_text=True)
    assert "not theirs" in html and "Not chosen yet" not in html


def test_a_server_without_mail_says_so(admin: FlaskClient, alice: Person) -> None:
    data = {"csrf_token": forms.token(admin, "admin_users.mail_reset")}
    answer = admin.post(f"/admin/users/{alice.id}/reset-mail", data=data)
    assert answer.status_code == 409 and "sends no mail" in answer.get_data(as_text=True)


def test_a_changed_address_is_the_one_that_signs_in(browser: Browser, admin: FlaskClient, alice: Person) -> None:
    show = f"/admin/users/{alice.id}"
    assert forms.submit(admin, show, f"{show}/email", email="Alice@New.test").status_code == 303
    assert forms.sign_in(browser(), "alice@new.test", PASSWORD).status_code == 303
    assert forms.sign_in(browser(), alice.email, PASSWORD).status_code == 422


def test_sessions_of_a_person_end(browser: Browser, admin: FlaskClient, alice: Person) -> None:
    hers = browser()
    forms.sign_in(hers, alice.email, PASSWORD)
    show = f"/admin/users/{alice.id}"
    forms.submit(admin, show, f"{show}/end-sessions")
    assert hers.get("/settings/profile").status_code == 303


@pytest.mark.parametrize("path", ["/new", "/{id}/link", "/{id}/disable", "/{id}/delete"])
def test_sensitive_acts_want_a_fresh_proof(http: FlaskClient, ada: Person, alice: Person, path: str) -> None:
    with time_machine.travel("2026-11-24 12:00:00Z", tick=False) as clock:
        forms.sign_in(http, ada.email, PASSWORD)
        target = "/admin/users" + path.format(id=alice.id)
        form = forms.form_on(http.get(target).get_data(as_text=True), target)
        clock.shift(301)
        for response in (http.get(target), forms.post(http, form, email="c@example.test", role="user")):
            assert response.status_code == 303
            assert "/login/confirm" in response.location
        assert users.find_by_email("c@example.test") is None
        assert users.get(alice.id).disabled_at is None and users.get(alice.id).deleted_at is None
        back = forms.submit(http, response.location, "/login/confirm", password=PASSWORD)
        assert back.location == target
        assert http.get(target).status_code == 200


def test_changing_an_address_wants_a_fresh_proof(http: FlaskClient, ada: Person, alice: Person) -> None:
    with time_machine.travel("2026-11-24 12:00:00Z", tick=False) as clock:
        forms.sign_in(http, ada.email, PASSWORD)
        show = f"/admin/users/{alice.id}"
        form = forms.form_on(http.get(show).get_data(as_text=True), f"{show}/email")
        clock.shift(301)
        assert forms.post(http, form, email="taken@over.test").location == f"/login/confirm?next={show}"
    assert users.get(alice.id).email == alice.email


def test_an_unknown_person_is_not_found(admin: FlaskClient) -> None:
    for path in PAGES[2:]:
        assert admin.get("/admin/users" + path.format(id="usrnobody")).status_code == 404


def test_an_administrator_says_that_an_address_is_theirs_and_takes_it_back(admin: FlaskClient, alice: Person) -> None:
    show = f"/admin/users/{alice.id}"
    form = forms.form_on(admin.get(show).get_data(as_text=True), f"{show}/standing")
    assert (form.values["role"], form.values.get("email_verified")) == ("user", "y")
    del form.values["email_verified"]
    ticked: dict[str, str]
    for ticked in ({}, {"email_verified": "y"}):
        assert forms.post(admin, form, **ticked).status_code == 303
        assert (users.get(alice.id).email_verified_at is not None) is bool(ticked)
    told = [event.data for event in audit.page(type="user.updated")[0]]
    assert told == [{"email_verified": True}, {"email_verified": False}]


def test_a_role_is_changed_on_the_page_but_nobodys_own(admin: FlaskClient, ada: Person, alice: Person) -> None:
    show = f"/admin/users/{alice.id}"
    assert forms.submit(admin, show, f"{show}/standing", role="admin").status_code == 303
    assert users.get(alice.id).is_admin
    own = f"/admin/users/{ada.id}"
    response = forms.submit(admin, own, f"{own}/standing", role="user")
    assert response.status_code == 409 and "your own role" in response.get_data(as_text=True)
    assert users.get(ada.id).is_admin


def test_another_address_is_not_known_to_be_theirs(admin: FlaskClient, alice: Person) -> None:
    show = f"/admin/users/{alice.id}"
    forms.submit(admin, show, f"{show}/email", email="alice@new.test")
    assert users.get(alice.id).email_verified_at is None
    assert "Not known to be theirs" in admin.get(show).get_data(as_text=True)
