"""/admin/users/<id>/claims: an administrator says what apps may be told of a person (OpenID Connect Core 5.1)."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from authserver import database
from authserver.domain.people import departures, standard_claims, users
from authserver.models import AuditEvent
from tests.conftest import PASSWORD, Person
from tests.support import forms

FRANCE = {"street_address": "1 rue de Rivoli", "postal_code": "75001", "locality": "Paris", "country": "France"}


@pytest.fixture
def admin(http: FlaskClient, ada: Person) -> FlaskClient:
    forms.sign_in(http, ada.email, PASSWORD)
    return http


def save(browser: FlaskClient, user_id: str, **fields: str) -> int:
    data = {"csrf_token": forms.token(browser, "admin_users_claims.save"), **fields}
    return browser.post(f"/admin/users/{user_id}/claims", data=data).status_code


def changes() -> list[list[str]]:
    with database.reading() as session:
        found = session.scalars(select(AuditEvent).where(AuditEvent.type == "user.updated").order_by(AuditEvent.seq))
        return [event.data["changed"] for event in found]


def test_what_is_filled_in_is_told_and_seen_on_the_persons_page(admin: FlaskClient, alice: Person) -> None:
    assert save(admin, alice.id, nickname="Al", phone_number="+33 1 23 45 67 89", **FRANCE) == 303
    told = users.get(alice.id).standard_claims
    assert told == {"nickname": "Al", "phone_number": "+33123456789", "address": FRANCE}
    page = admin.get(f"/admin/users/{alice.id}").get_data(as_text=True)
    assert "1 rue de Rivoli, 75001 Paris, France" in page and "+33123456789" in page
    assert 'value="Al"' in admin.get(f"/admin/users/{alice.id}/claims").get_data(as_text=True)


def test_an_empty_field_takes_a_claim_away_and_the_record_names_what_differs(admin: FlaskClient, alice: Person) -> None:
    standard_claims.change(alice.id, {"nickname": "Al", "locale": "en"})
    assert save(admin, alice.id, nickname="Al", gender="f") == 303
    assert users.get(alice.id).standard_claims == {"nickname": "Al", "gender": "f"}
    assert changes() == [["locale", "nickname"], ["gender", "locale"]]
    assert save(admin, alice.id, nickname="Al", gender="f") == 303
    assert len(changes()) == 2


def test_a_wrong_value_is_said_at_its_field(admin: FlaskClient, alice: Person) -> None:
    data = {
        "csrf_token": forms.token(admin, "admin_users_claims.save"),
        "birthdate": "1990-02-30",
        "country": "x" * 101,
    }
    answer = admin.post(f"/admin/users/{alice.id}/claims", data=data)
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert "There is no such day." in page and 'id="country-error"' in page
    assert users.get(alice.id).standard_claims == {}


def test_nobody_else_finds_the_page(http: FlaskClient, mallory: Person, alice: Person) -> None:
    forms.sign_in(http, mallory.email, PASSWORD)
    assert http.get(f"/admin/users/{alice.id}/claims").status_code == 404
    assert save(http, alice.id, nickname="Al") == 404
    assert users.get(alice.id).standard_claims == {}


def test_of_a_deleted_person_nothing_is_changed(admin: FlaskClient, alice: Person) -> None:
    departures.delete(alice.id)
    assert save(admin, alice.id, nickname="Al") in (404, 409)
    assert users.get(alice.id).standard_claims == {}
