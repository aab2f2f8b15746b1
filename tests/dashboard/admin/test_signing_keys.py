"""/admin/signing-keys: administrators see keys, rotate them and take one out of use."""

from __future__ import annotations

from flask.testing import FlaskClient

from authserver.domain.signing import keys as signing_keys
from tests.conftest import Person
from tests.support import forms


def test_the_list_shows_both_algorithms_in_use(http: FlaskClient, ada: Person) -> None:
    forms.sign_in(http, ada.email, ada.password)
    page = http.get("/admin/signing-keys").text
    assert "ES256" in page
    assert "RS256" in page


def test_rotation_publishes_keys_that_do_not_sign_yet(http: FlaskClient, ada: Person) -> None:
    forms.sign_in(http, ada.email, ada.password)
    before = signing_keys.signer().kid
    answer = forms.submit(http, "/admin/signing-keys/rotate")
    assert answer.status_code == 303
    assert sorted(signing_keys.state(key) for key in signing_keys.every()) == ["active", "active", "pending", "pending"]
    assert signing_keys.signer().kid == before


def test_a_leaked_key_is_removed_and_replaced_at_once(http: FlaskClient, ada: Person) -> None:
    forms.sign_in(http, ada.email, ada.password)
    leaked = signing_keys.signer().kid
    answer = forms.submit(http, f"/admin/signing-keys/{leaked}/retire", how="at_once")
    assert answer.status_code == 303
    assert leaked not in signing_keys.verifying()
    assert signing_keys.signer().kid != leaked


def test_a_key_that_is_not_there_is_not_found(http: FlaskClient, ada: Person) -> None:
    forms.sign_in(http, ada.email, ada.password)
    assert http.get("/admin/signing-keys/nothing/retire").status_code == 404


def test_others_see_no_such_page(http: FlaskClient, alice: Person) -> None:
    forms.sign_in(http, alice.email, alice.password)
    assert http.get("/admin/signing-keys").status_code == 404
