"""/admin/users/<id>/delete and /restore: what ends is counted first, and somebody gets the apps."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import time_machine
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from authserver.domain.api_keys import keys as api_keys
from authserver.domain.clients import clients, ownership
from authserver.domain.people import departures, users
from tests.conftest import PASSWORD, Person
from tests.support import forms, protocol

Browser = Callable[[], FlaskClient]


@pytest.fixture
def admin(http: FlaskClient, ada: Person) -> FlaskClient:
    forms.sign_in(http, ada.email, PASSWORD)
    return http


def delete(admin: FlaskClient, person: Person, **fields: str) -> TestResponse:
    page = f"/admin/users/{person.id}/delete"
    return forms.submit(admin, page, confirm_name=person.email, **fields)


def test_the_page_counts_what_ends(browser: Browser, admin: FlaskClient, alice: Person) -> None:
    forms.sign_in(browser(), alice.email, PASSWORD)
    api_keys.create(alice.user, api_keys.Wish("CI", "read_only"))
    for _ in range(2):
        protocol.register(owner_id=alice.id)
    html = admin.get(f"/admin/users/{alice.id}/delete").get_data(as_text=True)
    for told in (
        "1 session,",
        "1 API key,",
        "0 apps to the account",
        "0 webhooks",
        "2 apps, 0 APIs",
        "in the audit log",
    ):
        assert told in html, told
    assert alice.user.username in html


def test_who_owns_nothing_is_deleted_without_a_choice(admin: FlaskClient, alice: Person) -> None:
    page = f"/admin/users/{alice.id}/delete"
    form = forms.form_on(admin.get(page).get_data(as_text=True), page)
    assert "apps" not in form.values and "heir" not in form.values
    assert forms.post(admin, form, confirm_name=alice.email).status_code == 303
    assert users.get(alice.id).deleted_at is not None


def test_the_email_is_typed_first(admin: FlaskClient, alice: Person) -> None:
    for typed in ("", "alice", "bob@example.test"):
        response = forms.submit(admin, f"/admin/users/{alice.id}/delete", confirm_name=typed)
        assert response.status_code == 422 and "Type the email exactly" in response.get_data(as_text=True)
    assert users.get(alice.id).deleted_at is None


def test_apps_end_or_become_somebody_elses(admin: FlaskClient, alice: Person, bob: Person, mallory: Person) -> None:
    ended, given = protocol.register(owner_id=mallory.id), protocol.register(owner_id=alice.id)
    assert delete(admin, mallory, apps="end").status_code == 303
    assert delete(admin, alice, apps="transfer", heir=bob.email).status_code == 303
    first, second = clients.find_afresh(ended.id), clients.find_afresh(given.id)
    assert first is not None and second is not None
    assert not first.enabled and second.enabled and second.owner_id == bob.id


@pytest.mark.parametrize(
    "heir", ["", "nobody@example.test", "not an address", "alice@example.test", "bob@example.test"]
)
def test_an_heir_that_cannot_be_is_said_beside_the_field(
    admin: FlaskClient, alice: Person, bob: Person, heir: str
) -> None:
    protocol.register(owner_id=alice.id)
    users.disable(bob.id)
    response = delete(admin, alice, apps="transfer", heir=heir)
    html = response.get_data(as_text=True)
    assert response.status_code == 422 and 'id="heir-error"' in html
    assert users.get(alice.id).deleted_at is None


@pytest.mark.parametrize(
    "fields",
    [{}, {"apps": ""}, {"apps": "keep"}, {"apps": "end", "heir": "bob@example.test"}],
    ids=["left out", "empty", "unknown", "two ways"],
)
def test_what_becomes_of_the_apps_is_never_guessed(
    admin: FlaskClient, alice: Person, bob: Person, fields: dict[str, str]
) -> None:
    protocol.register(owner_id=alice.id)
    page = f"/admin/users/{alice.id}/delete"
    form = forms.form_on(admin.get(page).get_data(as_text=True), page)
    del form.values["apps"], form.values["heir"]
    response = forms.post(admin, form, confirm_name=alice.email, **fields)
    assert response.status_code == 422
    assert re.search('id="(apps|heir)-error"', response.get_data(as_text=True))
    assert users.get(alice.id).deleted_at is None


def test_an_app_that_came_after_the_page_is_asked_for(admin: FlaskClient, alice: Person) -> None:
    page = f"/admin/users/{alice.id}/delete"
    form = forms.form_on(admin.get(page).get_data(as_text=True), page)
    protocol.register(owner_id=alice.id)
    assert forms.post(admin, form, confirm_name=alice.email).status_code == 422
    assert users.get(alice.id).deleted_at is None


@pytest.mark.parametrize(
    ("before", "said"),
    [("active", "signs in as before"), ("disabled", "still disabled"), ("invited", "has no password")],
)
def test_who_is_restored_is_described_as_they_are(admin: FlaskClient, alice: Person, before: str, said: str) -> None:
    person = alice.id if before != "invited" else users.create("ivy@example.test").id
    if before == "disabled":
        users.disable(person)
    departures.delete(person)
    show = f"/admin/users/{person}"
    assert said in admin.get(show).get_data(as_text=True)
    assert forms.submit(admin, show, f"{show}/restore").status_code == 303
    assert said in admin.get(show).get_data(as_text=True)
    assert users.state(users.get(person)) == before


def test_an_heir_with_too_many_apps_is_said_beside_the_field(
    admin: FlaskClient, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "MAX_PER_OWNER", 1)
    for owner in (alice, bob):
        protocol.register(owner_id=owner.id)
    html = delete(admin, alice, apps="transfer", heir=bob.email).get_data(as_text=True)
    assert 'id="heir-error"' in html and "the limit is 1" in html


def test_nobody_deletes_themselves_by_accident(admin: FlaskClient, ada: Person, alice: Person) -> None:
    users.set_role(alice.id, "admin")
    assert f"/admin/users/{ada.id}/delete" not in admin.get(f"/admin/users/{ada.id}").get_data(as_text=True)
    page = f"/admin/users/{ada.id}/delete"
    assert "your own account" in admin.get(page).get_data(as_text=True).replace("&#39;", "'")
    data = {"csrf_token": forms.token(admin, "admin_users_departures.delete"), "confirm_name": ada.email}
    assert admin.post(page, data=data).status_code == 409
    assert users.get(ada.id).deleted_at is None


def test_the_deleted_are_recognised_and_restored(browser: Browser, admin: FlaskClient, alice: Person) -> None:
    hers = browser()
    forms.sign_in(hers, alice.email, PASSWORD)
    assert delete(admin, alice).status_code == 303
    assert hers.get("/settings/profile").status_code == 303
    html = admin.get(f"/admin/users/{alice.id}").get_data(as_text=True)
    assert alice.email not in admin.get("/admin/users").get_data(as_text=True)
    listed = admin.get("/admin/users?state=deleted").get_data(as_text=True)
    assert alice.email in listed and ">Deleted</" in listed
    show = f"/admin/users/{alice.id}"
    html = admin.get(show).get_data(as_text=True)
    assert "This person is deleted." in html
    assert not [
        path for path in ("names", "email", "standing", "disable", "enable", "link") if f"{show}/{path}" in html
    ]
    assert forms.submit(admin, show, f"{show}/restore").status_code == 303
    assert forms.sign_in(hers, alice.email, PASSWORD).status_code == 303
    assert admin.get("/admin/users?state=deleted").status_code == 200


def test_restoring_wants_a_fresh_proof(http: FlaskClient, ada: Person, alice: Person) -> None:
    departures.delete(alice.id)
    with time_machine.travel("2026-11-24 12:00:00Z", tick=False) as clock:
        forms.sign_in(http, ada.email, PASSWORD)
        show = f"/admin/users/{alice.id}"
        form = forms.form_on(http.get(show).get_data(as_text=True), f"{show}/restore")
        clock.shift(301)
        assert "/login/confirm" in forms.post(http, form).location
    assert users.get(alice.id).deleted_at is not None


def test_an_address_of_a_deleted_person_names_the_restore(admin: FlaskClient, alice: Person) -> None:
    departures.delete(alice.id)
    response = forms.submit(admin, "/admin/users/new", email=alice.email)
    assert response.status_code == 422 and "Restore it" in response.get_data(as_text=True)
