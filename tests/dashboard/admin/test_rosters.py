"""/admin/users/import and export.csv: seen first, then made, links shown once."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from authserver import database
from authserver.domain.people import users
from authserver.models import AuditEvent, Mail
from tests.conftest import PASSWORD, Person
from tests.support import forms

PATH = "/admin/users/import"
FILE = "email,given_name,role\ncarol@example.test,Carol,developer\ndan@example.test,Dan,\n"


@pytest.fixture
def admin(http: FlaskClient, ada: Person) -> FlaskClient:
    forms.sign_in(http, ada.email, PASSWORD)
    return http


def send(http: FlaskClient, **fields: Any) -> Any:
    return forms.post(http, forms.form_on(http.get(PATH).get_data(as_text=True), PATH), **fields)


@pytest.mark.parametrize("path", [PATH, "/admin/users/export.csv"])
def test_nobody_else_finds_such_a_page(http: FlaskClient, mallory: Person, path: str) -> None:
    forms.sign_in(http, mallory.email, PASSWORD)
    assert http.get(path).status_code == 404


def test_what_would_happen_is_shown_before_anything_does(admin: FlaskClient) -> None:
    page = send(admin, people=FILE).get_data(as_text=True)
    assert "2 new, 0 changed, 0 as they are" in page and "Import 2 people" in page
    assert "carol@example.test,Carol,developer" in page  # the list is still there
    assert users.find_by_email("carol@example.test") is None


def test_the_second_button_makes_them_and_shows_each_link_once(admin: FlaskClient) -> None:
    answer = send(admin, people=FILE, sure="yes")
    page = answer.get_data(as_text=True)
    assert answer.headers["Cache-Control"] == "no-store"
    assert page.count("carol@example.test,http://localhost:8000/welcome/") == 2  # to read, and to copy
    carol = users.find_by_email("carol@example.test")
    assert carol is not None and carol.role == "developer"


def test_a_form_that_was_sent_twice_makes_nobody_twice(admin: FlaskClient) -> None:
    form = forms.form_on(admin.get(PATH).get_data(as_text=True), PATH)
    first = forms.post(admin, form, people=FILE, sure="yes")
    again = forms.post(admin, form, people=FILE, sure="yes")
    assert (first.status_code, again.status_code) == (200, 303)
    assert "/welcome/" not in again.get_data(as_text=True)


@pytest.mark.parametrize("people", ["", "name\nCarol", "email\nnobody", "email,role\ncarol@example.test,root"])
@pytest.mark.parametrize("sure", [{}, {"sure": "yes"}])
def test_a_wrong_list_is_shown_again_with_the_reason(admin: FlaskClient, people: str, sure: dict[str, str]) -> None:
    answer = send(admin, people=people, **sure)
    assert answer.status_code == 422
    assert "aria-invalid" in answer.get_data(as_text=True)
    assert users.page()[1] == 1


def test_many_wrong_lines_are_told_as_their_number(admin: FlaskClient) -> None:
    page = send(admin, people="email\n" + "nobody\n" * 50).get_data(as_text=True)
    assert "Line 2: " in page and "And 30 more lines." in page


def test_the_export_is_the_list_that_is_shown_and_an_event(admin: FlaskClient, alice: Person, bob: Person) -> None:
    answer = admin.get("/admin/users/export.csv?q=stone")
    text = answer.get_data(as_text=True)
    assert answer.content_type.startswith("text/csv") and "attachment" in answer.headers["Content-Disposition"]
    assert bob.email in text and alice.email not in text
    with database.reading() as session:
        (event,) = session.scalars(select(AuditEvent).where(AuditEvent.type == "user.exported"))
    assert event.data == {"filters": {"search": "stone"}}


@pytest.mark.parametrize("overrides", [{"smtp_url": "smtp://127.0.0.1:1"}])
def test_a_single_persons_link_goes_by_mail_and_is_shown_to_nobody(admin: FlaskClient) -> None:
    form = forms.form_on(admin.get("/admin/users/new").get_data(as_text=True), "/admin/users/new")
    answer = forms.post(admin, form, email="carol@example.test", role="user", by_mail="y")
    assert answer.status_code == 303 and "/welcome/" not in answer.get_data(as_text=True)
    with database.reading() as session:
        (mail,) = session.scalars(select(Mail))
    assert mail.recipient == "carol@example.test" and "/welcome/" in mail.body


@pytest.mark.parametrize("sure", [{}, {"sure": "yes"}], ids=["looked at", "sent"])
def test_nobodys_own_role_is_changed_by_their_list(admin: FlaskClient, ada: Person, bob: Person, sure: Any) -> None:
    users.set_role(bob.id, "admin")
    answer = send(admin, people=f"email,role\nerin@example.test,user\n{ada.email},user\n", **sure)
    assert answer.status_code == 422 and "own role" in answer.get_data(as_text=True)
    assert users.get(ada.id).role == "admin" and users.find_by_email("erin@example.test") is None
